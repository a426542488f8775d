"""The one form that every protocol is decoded into and encoded from: a request, a stream of events, and its fold."""
