"""The orders service: `web` takes orders over HTTP, `worker` follows what others tell about them."""
