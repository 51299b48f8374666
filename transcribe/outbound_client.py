"""The one HTTP client of this program. Every connection that our own code makes to another machine is made here.

- Only to hosts that are named (``outbound.allow_list``); a redirect to another host is a new connection, and refused
  when that host is not named.
- A name is looked up once, what it turns out to be is examined, and that very address is connected to, with the
  certificate of the name: whoever answers differently the second time (DNS rebinding) gains nothing.
- In clear only to this machine. No proxy of the environment, no ``.netrc``.
- Host, port, purpose, bytes and outcome are counted and logged; a path, a header or content never.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator

import httpx

from transcribe.outbound import GUARD, TALLY, Outcome, Place, Purpose, Tally, fit, normal, this_machine

_PORTS = {"http": 80, "https": 443}


class NotNamed(httpx.RequestError):
    """This address may not be used. Its ``request`` has it; the message does not."""


def client(
    places: Collection[Place],
    purpose: Purpose,
    *,
    timeout: httpx.Timeout,
    headers: dict[str, str] | None = None,
    redirects: bool = False,
    tally: Tally = TALLY,
) -> httpx.Client:
    """For these places alone. ``redirects``: follow them, as long as each of them is among the places."""
    GUARD.permit(places)
    return httpx.Client(
        transport=_Guarded(places, purpose, tally),
        timeout=timeout,
        headers=headers,
        follow_redirects=redirects,
        max_redirects=5,
        trust_env=False,
    )


def own_screens(address: str, *, headers: dict[str, str]) -> httpx.Client:
    """To our own web server on this machine, and nowhere else: nothing that leaves, so nothing that is counted."""
    if not this_machine(httpx.URL(address).host):
        raise ValueError("only on this machine")
    return httpx.Client(
        base_url=address, headers=headers, follow_redirects=True, timeout=60, trust_env=False, transport=_OnlyHere()
    )


class _OnlyHere(httpx.HTTPTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not this_machine(request.url.host):
            raise NotNamed("not this machine", request=request)
        return super().handle_request(request)


class _Guarded(httpx.BaseTransport):
    """One pool for each host: a connection that was examined for one name is never used for another."""

    def __init__(self, places: Collection[Place], purpose: Purpose, tally: Tally) -> None:
        self._places, self._purpose, self._tally = places, purpose, tally
        self._pools: dict[tuple[str, int], httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        host, port = normal(url.host), url.port or _PORTS.get(url.scheme, 0)
        plain_elsewhere = url.scheme != "https" and not this_machine(host)
        if url.userinfo or plain_elsewhere or not any(place.fits(host, port) for place in self._places):
            self._tally.refuse(port, self._purpose)
            raise NotNamed("not on the list of hosts", request=request)
        sent = int(request.headers.get("content-length", 0))
        try:
            response = self._send(request, host, port)
        except httpx.RequestError as error:
            refused = isinstance(error, NotNamed)
            self._tally.add(host, port, self._purpose, Outcome.REFUSED if refused else Outcome.FAILED, sent=sent)
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Counting(response.stream, self._tally, host, port, self._purpose, sent)
        return response

    def _send(self, request: httpx.Request, host: str, port: int) -> httpx.Response:
        addresses = _addresses(request, host, port)
        pool = self._pools.setdefault((host, port), httpx.HTTPTransport(trust_env=False))
        extensions = request.extensions if host in addresses else {**request.extensions, "sni_hostname": host}
        for address in addresses:
            # the header Host was made from the name, and stays
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return pool.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise httpx.ConnectError("no address", request=request)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


def _addresses(request: httpx.Request, host: str, port: int) -> list[str]:
    """What the name is, each address once. Raises ``NotNamed`` when one of them can't be right."""
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError("no address", request=request) from error
    found = list(dict.fromkeys(str(row[4][0]) for row in rows))
    here = this_machine(host)
    if not all(fit(address) and (this_machine(address) or not here) for address in found):
        raise NotNamed("a name that turns out to be something else", request=request)
    return found


class _Counting(httpx.SyncByteStream):
    """An answer whose bytes are counted when it is closed."""

    def __init__(
        self, inner: httpx.SyncByteStream, tally: Tally, host: str, port: int, purpose: Purpose, sent: int
    ) -> None:
        self._inner, self._tally = inner, tally
        self._host, self._port, self._purpose, self._sent = host, port, purpose, sent
        self._received, self._counted = 0, False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            self._received += len(piece)
            yield piece

    def close(self) -> None:
        self._inner.close()
        if not self._counted:
            self._counted = True
            self._tally.add(
                self._host, self._port, self._purpose, Outcome.DONE, sent=self._sent, received=self._received
            )
