"""Other doors with other wire formats: the APIs of vendors, spoken by the gateway.

A program that calls a vendor is pointed here by its address and key alone. `door` serves them all;
a vendor is one file with its calls, its fields and its words for a refusal, and `registry` lists
them. Every mail ends in the same intake as `POST /v1/messages`, and the rules of mail are only
there. What a vendor offers and the gateway does not is declared and refused, never left out.
"""
