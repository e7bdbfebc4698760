"""Events to our clients' programs: webhooks after the Standard Webhooks specification."""
