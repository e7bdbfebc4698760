"""Small programs that run beside HAProxy and keepalived. Only the standard library."""
