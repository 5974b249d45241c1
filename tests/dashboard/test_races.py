"""Slow and failing servers: the newest question wins, and nothing old looks new."""

import asyncio
import threading

import pytest

import usage_analysis as ua
from tests.dashboard.transports import Watched, watched_client

ZONE = "America/New_York"


@pytest.fixture
def transport():
    return Watched()


@pytest.fixture
def explorer(transport):
    return ua.Explorer(watched_client(transport), timezone=ZONE, state={"preset": "last_7_days"})


def in_a_page(steps):
    """Run a coroutine as a page's kernel would: pool move controls while the loop goes on."""

    async def bounded():
        await asyncio.wait_for(steps(), 30)

    asyncio.run(bounded())


async def settled(explorer):
    """The loop goes on until nothing is under way."""
    while explorer.phase == "loading":
        await asyncio.sleep(0.005)


async def arrived(transport, count=1):
    """The loop goes on until so many requests reached the server."""
    for _ in range(count):
        while not transport.arrived.acquire(blocking=False):
            await asyncio.sleep(0.005)


def forget(transport):
    """Count only the requests from here on."""
    transport.seen.clear()
    while transport.arrived.acquire(blocking=False):
        pass


def test_a_hand_on_a_control_does_not_block(explorer, transport):
    """While an answer is awaited the page says so and dims the old figure; then it is new."""
    old = explorer.image.svg

    async def steps():
        forget(transport)
        transport.hold()
        explorer.voice.value = "Mara"
        assert explorer.phase == "loading"
        assert all(button.disabled for button in explorer.leave.values())
        assert "Asking the server" in explorer.headline.value
        assert "ua-waiting" in explorer.image._dom_classes
        assert explorer.display.progress.layout.visibility is None
        await arrived(transport)
        await asyncio.sleep(0.02)
        assert explorer.display.progress.description == "Fetching 0/1"
        assert explorer.image.svg == old
        transport.let_go()
        await settled(explorer)
        assert explorer.phase == "ready"
        assert not any(button.disabled for button in explorer.leave.values())
        assert "ua-waiting" not in explorer.image._dom_classes
        assert explorer.display.progress.layout.visibility == "hidden"
        assert explorer.image.svg != old

    in_a_page(steps)


def test_fast_changes_are_one_question(explorer, transport):
    """Changes that follow each other at once send one request, the last one's."""

    async def steps():
        forget(transport)
        for text in ("10", "20", "30", "40"):
            explorer.duration_min.value = text
        await settled(explorer)
        assert [params["durationMin"] for params in transport.seen] == ["40s"]
        assert explorer.fetches == 2

    in_a_page(steps)


def test_a_late_answer_is_dropped(explorer, transport):
    """An answer that comes after a newer question was asked is never drawn."""

    async def steps():
        forget(transport)
        transport.hold()
        explorer.search.value = "refund"
        await arrived(transport)
        explorer.search.value = "voicemail"
        await arrived(transport)
        draws = explorer.draws
        transport.let_go()
        await settled(explorer)
        await asyncio.sleep(0.05)
        assert explorer.draws == draws + 1
        assert "search voicemail" in explorer.image.alt
        assert [params["search"] for params in transport.seen] == ["refund", "voicemail"]

    in_a_page(steps)


def test_what_is_in_hand_overtakes_what_is_awaited(explorer, transport):
    """Going back to an answer in hand draws it at once, and what was awaited is dropped."""

    async def steps():
        transport.hold()
        forget(transport)
        explorer.search.value = "refund"
        await arrived(transport)
        explorer.search.value = ""
        assert explorer.phase == "ready"
        draws = explorer.draws
        transport.let_go()
        await asyncio.sleep(0.1)
        assert explorer.draws == draws
        assert "refund" not in explorer.image.alt

    in_a_page(steps)


def test_other_controls_move_while_an_answer_is_awaited(explorer, transport):
    """A change that asks nothing new while an answer is awaited is drawn with that answer."""

    async def steps():
        forget(transport)
        transport.hold()
        explorer.search.value = "refund"
        await arrived(transport)
        explorer.measure.value = "joined_count"
        explorer.tab.value = "peaks"
        assert explorer.phase == "loading"
        transport.let_go()
        await settled(explorer)
        assert len(transport.seen) == 1
        assert explorer.view.value == "week"
        assert "joined calls" in explorer.image.alt

    in_a_page(steps)


def test_wait_brings_the_answer(explorer):
    """`wait` returns when the figure is that of the controls, also where no loop goes on."""

    async def steps():
        explorer.search.value = "refund"
        assert explorer.phase == "loading"

    asyncio.run(steps())
    assert explorer.wait(20)
    assert explorer.phase == "ready"
    assert "search refund" in explorer.image.alt


def test_wait_gives_up_in_time(explorer, transport):
    """`wait` with a time-out says that the answer is not there."""

    async def steps():
        transport.hold()
        explorer.search.value = "refund"
        assert not explorer.wait(0.01)
        assert explorer.phase == "loading"
        transport.let_go()
        assert explorer.wait(20)
        assert explorer.phase == "ready"

    in_a_page(steps)


@pytest.mark.parametrize("page", [True, False])
def test_a_failure_shows_its_words_and_greys_the_last_figure(explorer, transport, page):
    """A failed question shows the server's words and a grey figure, and the next try works."""
    last = explorer.image.svg

    async def steps():
        transport.broken = True
        explorer.search.value = "refund"
        await settled(explorer)

    if page:
        in_a_page(steps)
    else:
        transport.broken = True
        explorer.search.value = "refund"
    assert explorer.phase == "failed"
    assert isinstance(explorer.error, ua.AuthenticationError)
    assert "Invalid API key" in explorer.display.note.value
    assert "Traceback" not in explorer.display.note.value
    assert explorer.image.svg == last
    assert "ua-stale" in explorer.image._dom_classes
    assert "failed: " in repr(explorer)
    transport.broken = False
    explorer.refresh.click()
    assert explorer.phase == "ready"
    assert explorer.error is None
    assert "ua-stale" not in explorer.image._dom_classes
    assert "search refund" in explorer.image.alt


def broken(_request):
    raise RuntimeError("a fault below")


@pytest.mark.parametrize("error", [RuntimeError("a fault below"), KeyboardInterrupt()])
def test_a_fault_while_asking_is_said_and_raised(explorer, transport, monkeypatch, error):
    """What no server said ends the waiting, is named, is raised, and the next try works."""
    words = "A fault of this program: RuntimeError: a fault below."
    words = words if isinstance(error, RuntimeError) else "Stopped before the answer came."

    def faulty(_request):
        raise error

    monkeypatch.setattr(transport, "handle_request", faulty)
    with pytest.raises(type(error)):
        explorer.search.value = "refund"
    assert (explorer.phase, explorer.error) == ("failed", error)
    assert words in explorer.display.note.value
    assert explorer.display.progress.layout.visibility == "hidden"
    assert "ua-stale" in explorer.image._dom_classes
    monkeypatch.undo()
    explorer.refresh.click()
    assert (explorer.phase, explorer.error) == ("ready", None)


def test_a_fault_while_a_page_awaits_is_said_and_raised(explorer, transport, monkeypatch):
    """On a page, where nobody waits for the answer, a fault is shown, and raised to the loop."""
    raised = []

    async def steps():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))
        monkeypatch.setattr(transport, "handle_request", broken)
        explorer.search.value = "refund"
        await settled(explorer)
        assert explorer.phase == "failed"
        assert "RuntimeError: a fault below" in explorer.display.note.value
        assert explorer.display.progress.layout.visibility == "hidden"
        monkeypatch.undo()
        explorer.measure.value = "joined_count"
        await settled(explorer)
        assert explorer.phase == "ready"

    in_a_page(steps)
    assert [type(error) for error in raised] == [RuntimeError]


def test_a_failed_refresh_forgets_what_is_old(explorer, transport):
    """After a failed refresh nothing in hand is drawn as if it were the server's answer now."""
    transport.broken = True
    explorer.refresh.click()
    assert explorer.phase == "failed"
    explorer.measure.value = "joined_count"
    assert explorer.phase == "failed"
    transport.broken = False
    explorer.measure.value = "total_count"
    assert explorer.phase == "ready"
    assert explorer.fetches == 4


def test_a_first_question_that_fails_leaves_a_page_that_works(transport):
    """An account that answers nothing at first gives no figure and no error, then both work."""
    transport.broken = True
    explorer = ua.Explorer(watched_client(transport), timezone=ZONE)
    assert (explorer.phase, explorer.draws) == ("failed", 0)
    assert explorer.image.layout.display == "none"
    transport.broken = False
    explorer.refresh.click()
    assert (explorer.phase, explorer.draws) == ("ready", 1)


def test_a_reply_that_is_not_one_is_a_failure(explorer, transport):
    """A reply that is no usage at all is told by its words, not drawn in part."""
    transport.body = b"<html>Sign in</html>"
    explorer.search.value = "refund"
    assert explorer.phase == "failed"
    assert isinstance(explorer.error, ua.ResponseError)


def test_the_words_of_an_error_are_text(explorer, transport):
    """What a server says is shown as text, never as part of the page."""
    transport.body = b'{"daily": "<img src=x onerror=alert(1)>"}'
    explorer.search.value = "<b>bold</b>"
    assert explorer.phase == "failed"
    assert "<img" not in explorer.display.note.value
    transport.body = None
    explorer.refresh.click()
    assert explorer.phase == "empty"
    assert "<b>" not in explorer.display.note.value


@pytest.mark.slow
def test_choosing_the_largest_waits_for_their_answer(explorer):
    """Top asks for every agent's calls and then chooses the largest, in a page too."""

    async def steps():
        explorer.controls.largest.click()
        assert explorer.phase == "loading"
        while explorer.phase == "loading" or not explorer.agents.value:
            await asyncio.sleep(0.005)
        assert len(explorer.agents.value) == 3
        assert explorer.group.value == "agent"

    in_a_page(steps)


def test_a_new_question_leaves_no_thread_behind(explorer, transport):
    """Questions that were overtaken end: their threads do not wait for the server."""
    alive = threading.active_count()

    async def steps():
        forget(transport)
        transport.hold()
        for text in ("refund", "outage", "voicemail"):
            explorer.search.value = text
            await arrived(transport)
        transport.let_go()
        await settled(explorer)
        while threading.active_count() > alive:
            await asyncio.sleep(0.01)

    in_a_page(steps)
