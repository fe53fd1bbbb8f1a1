"""The version of everything that Outrider is made of."""

VERSION = "0.1.0"
