"""Flagstone's compiler: a service's `service.yml` in, its CloudFormation and the origin of every value out."""

__version__ = "0.1.0"
