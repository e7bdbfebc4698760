"""Where every door ends: validate, dedupe, store, then wake the queue; and clients' actions."""
