"""The SMTP door: mail submission (RFC 6409) into the same `intake` as the REST door.

Neighbours: `app` opens it, `intake` takes what comes. `dialogue` speaks the protocol and knows no
socket; `connection` is the socket, TLS and the clock; `server` the ports and whom they admit;
`submission` makes a message of an envelope and a mail. The rules of this room:

- 250 at the end of a mail means that it is durable. Whatever goes wrong on our side is 4yz.
- Nobody sends without a key, whatever is configured.
- A mail ends with CRLF.CRLF and nothing else, and nothing that came in clear text counts after
  STARTTLS.
"""
