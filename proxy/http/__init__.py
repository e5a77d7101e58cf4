"""The little of HTTP that an ASGI application needs: requests and answers, routes, the port."""
