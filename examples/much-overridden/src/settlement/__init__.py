"""The settlement service: `web` takes what terminals ask for, `settler` has issuers settle it."""
