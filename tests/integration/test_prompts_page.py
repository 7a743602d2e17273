"""The prompts page: hearing, replacing and restoring what callers hear."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from careline.security.permissions import Role
from careline.speech.audio import RATE, from_pcm_bytes, tone, write_wav
from careline.speech.listening import dominant
from careline.telephony.prompts.book import PromptBook
from careline.telephony.prompts.catalogue import catalogue
from careline.testing.postgres import Urls
from careline.testing.web import WebApp, web_app
from careline.web.assets import build_assets

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def assets(tmp_path_factory: pytest.TempPathFactory) -> None:
    build_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture
def app(pg_urls: Urls, tmp_path: Path) -> Iterator[WebApp]:
    with web_app(pg_urls, tmp_path) as running:
        yield running


@pytest.fixture
def tenant_id(app: WebApp) -> int:
    return app.make_tenant()


@pytest.fixture
async def administrator(app: WebApp, tenant_id: int) -> AsyncIterator[aiohttp.ClientSession]:
    async with signed_in(app, tenant_id, Role.ADMINISTRATOR) as session:
        found = re.search(r'name="csrf-token" content="([^"]+)"', await (await session.get("/account")).text())
        assert found
        session.headers["x-csrf-token"] = found[1]
        yield session


def signed_in(app: WebApp, tenant_id: int, role: Role) -> aiohttp.ClientSession:
    email = f"{role}@example.org"
    app.make_person(tenant_id, email, role)
    session = aiohttp.ClientSession(app.url, cookie_jar=aiohttp.CookieJar(unsafe=True))
    session.cookie_jar.update_cookies({"careline_session": app.cookie_for(email)})
    return session


def upload(content: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("recording", io.BytesIO(content), filename="own.wav", content_type="audio/wav")
    return form


def wav(tmp_path: Path, hz: float, seconds: float = 1.0) -> bytes:
    write_wav(tmp_path / "made.wav", tone(hz, seconds, rate=16_000), 16_000)
    return (tmp_path / "made.wav").read_bytes()


async def status(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as answer:
        await answer.read()
        return answer.status


async def heard(session: aiohttp.ClientSession, path: str) -> tuple[float, int | None]:
    """Seconds and strongest frequency of what the page plays."""
    async with session.get(f"/prompts/{path}/sound") as answer:
        assert answer.status == 200 and answer.content_type == "audio/wav"
        with wave.open(io.BytesIO(await answer.read())) as file:
            samples = from_pcm_bytes(file.readframes(file.getnframes()))
    return len(samples) / RATE, dominant(samples)


async def test_a_recording_replaces_the_voice_until_it_is_taken_back(
    app: WebApp, administrator: aiohttp.ClientSession, tenant_id: int, tmp_path: Path
) -> None:
    text = await (await administrator.get("/prompts?language=es")).text()
    assert catalogue().prompts["closed.hours"].texts["es"] in text and "Back to the bundled voice" not in text
    bundled = await heard(administrator, "es/closed.hours")
    async with administrator.post("/prompts/es/closed.hours", data=upload(wav(tmp_path, 523))) as answer:
        assert answer.status == 200 and "Back to the bundled voice" in await answer.text()
    seconds, hz = await heard(administrator, "es/closed.hours")
    assert 0.9 < seconds < 1.2 and abs((hz or 0) - 523) < 5
    book = PromptBook(tmp_path / "prompts")
    assert f"/{tenant_id}/es/" in book.media("es", "closed.hours", tenant=tenant_id)[0]
    assert "bundled" in book.media("es", "closed.hours", tenant=tenant_id + 1)[0]
    async with administrator.post("/prompts/es/closed.hours/restore") as answer:
        assert answer.status == 200
    assert await heard(administrator, "es/closed.hours") == bundled

    async def rows(services):
        async with services.db.tenant(tenant_id) as tx:
            return await tx.all("SELECT action, object_id FROM audit_log WHERE object_type = 'prompt' ORDER BY seq")

    assert [(r["action"], r["object_id"]) for r in app.run(rows)] == [
        ("update", "es/closed.hours"),
        ("delete", "es/closed.hours"),
    ]


async def test_what_cannot_be_used_is_refused_and_leaves_no_trace(
    app: WebApp, administrator: aiohttp.ClientSession, tenant_id: int, tmp_path: Path
) -> None:
    bundled = await heard(administrator, "en/goodbye")
    for bad in (b"", b"no sound at all", wav(tmp_path, 400)[:50]):
        async with administrator.post("/prompts/en/goodbye", data=upload(bad)) as answer:
            assert answer.status == 400
            assert "Nothing was changed." in await answer.text()
    async with administrator.post("/prompts/en/goodbye", data={"recording": "text"}) as answer:
        assert answer.status == 400
    for path in ("en/no-such-prompt", "fr/goodbye", "en/..%2F..%2Fgoodbye", "en/queue.position"):
        async with administrator.post(f"/prompts/{path}", data=upload(wav(tmp_path, 400))) as answer:
            assert answer.status == 404, path
        assert await status(administrator, f"/prompts/{path}/sound") == 404
    assert await heard(administrator, "en/goodbye") == bundled

    async def rows(services):
        async with services.db.tenant(tenant_id) as tx:
            return await tx.all("SELECT 1 FROM audit_log WHERE object_type = 'prompt'")

    assert app.run(rows) == []


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.PRIVACY_OFFICER])
async def test_others_may_not(app: WebApp, tenant_id: int, role: Role) -> None:
    async with signed_in(app, tenant_id, role) as session:
        assert await status(session, "/prompts") == 403
        assert await status(session, "/prompts/en/goodbye/sound") == 403


def named(content: bytes, name: str = "flu-clinic", words: str = "The flu clinic is open.") -> aiohttp.FormData:
    form = upload(content)
    form.add_field("name", name)
    form.add_field("words", words)
    return form


async def test_a_recording_for_flows_is_stored_levelled_and_its_next_version_heard(
    administrator: aiohttp.ClientSession, app: WebApp, tenant_id: int, tmp_path: Path
) -> None:
    for hz in (440, 880):
        async with administrator.post("/recordings-of-ours/en", data=named(wav(tmp_path, hz))) as answer:
            page = await answer.text()
    assert "The flu clinic is open." in page
    assert re.search(r'<td class="num">2</td>', page)
    async with administrator.get("/recordings-of-ours/en/flu-clinic/sound") as answer:
        content = await answer.read()
    with wave.open(io.BytesIO(content)) as heard:
        samples = from_pcm_bytes(heard.readframes(heard.getnframes()))
    assert dominant(samples) == pytest.approx(880, abs=15)
    book = PromptBook(tmp_path / "prompts")
    (file,) = book.media("en", "recording", tenant=tenant_id, id="flu-clinic")
    assert file.endswith("/recordings/flu-clinic")
    async with administrator.post("/recordings-of-ours/en/flu-clinic/retire") as answer:
        assert "The flu clinic is open." not in await answer.text()
    assert book.media("en", "recording", tenant=tenant_id, id="flu-clinic") == (file,), "flows that play it still do"


@pytest.mark.parametrize(
    ("name", "amplitude", "says"),
    [
        ("Flu Clinic!", 8000, "small letters, digits and hyphens"),
        ("flu-clinic", 20, "nearly silent"),
        ("flu-clinic", 90_000, "peaks are cut off"),
    ],
)
async def test_a_recording_that_cannot_be_used_is_refused_and_changes_nothing(
    administrator: aiohttp.ClientSession, tmp_path: Path, name: str, amplitude: int, says: str
) -> None:
    samples = tone(440, 1.0, amplitude=8000.0)
    for place, sample in enumerate(samples):
        samples[place] = max(-32768, min(32767, sample * amplitude // 8000))
    write_wav(tmp_path / "odd.wav", samples)
    data = named((tmp_path / "odd.wav").read_bytes(), name)
    async with administrator.post("/recordings-of-ours/en", data=data) as answer:
        assert answer.status == 400
        page = await answer.text()
    assert says in page and "Nothing was changed" in page
    async with administrator.get("/prompts") as answer:
        assert "The flu clinic is open." not in await answer.text()


async def test_an_agent_may_not_store_recordings(app: WebApp, tenant_id: int, tmp_path: Path) -> None:
    async with signed_in(app, tenant_id, Role.AGENT) as session:
        found = re.search(r'name="csrf-token" content="([^"]+)"', await (await session.get("/account")).text())
        assert found
        headers = {"x-csrf-token": found[1]}
        async with session.post("/recordings-of-ours/en", data=named(wav(tmp_path, 440)), headers=headers) as answer:
            assert answer.status == 403


async def test_the_flow_editor_stores_a_recording_and_says_what_is_wrong_with_one(
    app: WebApp, administrator: aiohttp.ClientSession, tenant_id: int, tmp_path: Path
) -> None:
    def form(content: bytes, name: str = "flu-clinic") -> aiohttp.FormData:
        made = upload(content)
        made.add_field("name", name)
        made.add_field("words", "Flu shots are on Saturday.")
        return made

    administrator.headers["accept"] = "application/json"
    silent = wav(tmp_path, 400)[:44] + bytes(32_000)
    for bad, name, said in ((b"no sound", "flu-clinic", "not a sound file"), (silent, "flu-clinic", "nearly silent"),
                            (wav(tmp_path, 400), "Flu Clinic!", "small letters")):  # fmt: skip
        async with administrator.post("/flows/recordings/en", data=form(bad, name)) as answer:
            assert answer.status == 400 and said in (await answer.json())["detail"]
    # Two minutes at 48 kHz are more than other requests may send.
    long = wav_of(tmp_path, seconds=100, rate=48_000)
    assert len(long) > 8_000_000
    for version, content in ((1, wav(tmp_path, 523)), (2, long)):
        async with administrator.post("/flows/recordings/en", data=form(content)) as answer:
            assert await answer.json() == {"name": "flu-clinic", "version": version}
    async with administrator.get("/recordings-of-ours/en/flu-clinic/sound") as answer:
        assert answer.status == 200 and len(await answer.read()) > 90 * RATE * 2
    async with signed_in(app, tenant_id, Role.SUPERVISOR) as session:
        found = re.search(r'name="csrf-token" content="([^"]+)"', await (await session.get("/account")).text())
        assert found
        session.headers["x-csrf-token"] = found[1]
        async with session.post("/flows/recordings/en", data=form(wav(tmp_path, 523))) as answer:
            assert answer.status == 403


def wav_of(tmp_path: Path, *, seconds: float, rate: int) -> bytes:
    write_wav(tmp_path / "made.wav", tone(400, seconds, rate=rate), rate)
    return (tmp_path / "made.wav").read_bytes()
