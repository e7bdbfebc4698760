"""Templates: what their authors may write, and how a mail is made of one.

Neighbours: `domain.errors` names what is wrong. The rule of this room: whatever a template and
its variables say, rendering ends soon, stays small and reaches nothing but the variables.
"""
