"""The selfie page and the service behind it: FastAPI on uvicorn, on the user's own machine.

app.py          the application: the API and the page
api.py          the routes of the API
requests.py     what a request may ask for
uploads.py      a request's picture, within limits
decoder.py      pictures decoded in processes that are ended when they cost too much; decoding.py is what those do
studio.py       the styles in memory, the queue, painting off the event loop
live.py         the camera's stream, painted
guard.py        who may ask: Host, Origin, token, rate; the headers that every answer carries
problems.py     errors as application/problem+json
server.py       the socket, the link, the server's life; certificate.py for --https
static/         the page
"""
