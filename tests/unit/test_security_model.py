"""Sign-in's pure rules: stages, throttling, passwords, codes, rate limits."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.kernel.errors import InvalidInput, TooManyRequests
from careline.security import totp
from careline.security.forms import safe_next
from careline.security.limits import Limiter, Rate
from careline.security.model import (
    ACCOUNT,
    ADDRESS,
    PAIR,
    PasswordRejected,
    Stage,
    Throttle,
    check_password,
    first_stage,
    next_stage,
    normal_email,
)
from careline.security.passwords import Hasher, readable_secret

pytestmark = pytest.mark.unit


class TestStages:
    @pytest.mark.parametrize(
        ("has_totp", "must_change", "mfa_required", "first", "then"),
        [
            (False, False, False, Stage.FULL, Stage.FULL),
            (False, False, True, Stage.ENROL, Stage.ENROL),
            (False, True, False, Stage.NEW_PASSWORD, Stage.NEW_PASSWORD),
            (False, True, True, Stage.NEW_PASSWORD, Stage.NEW_PASSWORD),
            (True, False, False, Stage.TOTP, Stage.FULL),
            (True, False, True, Stage.TOTP, Stage.FULL),
            (True, True, False, Stage.TOTP, Stage.NEW_PASSWORD),
            (True, True, True, Stage.TOTP, Stage.NEW_PASSWORD),
        ],
    )
    def test_what_is_owed(
        self, has_totp: bool, must_change: bool, mfa_required: bool, first: Stage, then: Stage
    ) -> None:
        asked = {"has_totp": has_totp, "must_change": must_change, "mfa_required": mfa_required}
        assert first_stage(**asked) is first
        assert next_stage(**asked) is then


class TestThrottles:
    @pytest.mark.parametrize("throttle", [PAIR, ACCOUNT, ADDRESS])
    @given(failures=st.integers(0, 10_000))
    def test_never_shorter_with_more_failures_and_never_for_ever(self, throttle: Throttle, failures: int) -> None:
        block, next_block = throttle.block(failures), throttle.block(failures + 1)
        assert (block is None) == (failures < throttle.limit)
        assert next_block is None or block is None or block <= next_block <= throttle.longest

    def test_a_stranger_needs_more_failures_to_keep_somebody_out_than_the_stranger_may_make(self) -> None:
        assert PAIR.limit < ACCOUNT.limit < ADDRESS.limit


class TestPasswords:
    @pytest.mark.parametrize(
        "password",
        [
            "short",
            "elevenchars",
            "x" * 257,
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "password1234",
            "PASSWORDPASSWORD",
            "dana.reyes123456",
            "Dana Reyes 2026!!",
            "dana.reyes@example.org",
        ],
    )
    def test_rejected(self, password: str) -> None:
        with pytest.raises(PasswordRejected):
            check_password(password, email="dana.reyes@example.org", name="Dana Reyes")

    @pytest.mark.parametrize(
        "password",
        ["correct horse battery", "sombrero río verde", "Dana likes green tea", "q7Gk2-xPw9z!", "никто не знает"],
    )
    def test_accepted(self, password: str) -> None:
        check_password(password, email="dana.reyes@example.org", name="Dana Reyes")

    async def test_hash_and_verify(self) -> None:
        hasher = Hasher.cheap()
        encoded = await hasher.hash("correct horse battery")
        assert encoded.startswith("$argon2id$")
        assert await hasher.verify(encoded, "correct horse battery")
        assert not await hasher.verify(encoded, "Correct horse battery")
        assert not await hasher.verify("damaged", "correct horse battery")
        assert not await hasher.verify(None, "correct horse battery")
        assert not hasher.is_outdated(encoded)
        assert Hasher().is_outdated(encoded)

    def test_first_passwords_pass_the_rules_and_differ(self) -> None:
        made = {readable_secret(4) for _ in range(50)}
        assert len(made) == 50
        for password in made:
            check_password(password, email="a@example.org", name="A")


class TestEmail:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [(" Dana@Example.ORG ", "dana@example.org"), ("a+b@x.co", "a+b@x.co"), ("x@localhost", "x@localhost")],
    )
    def test_normal(self, raw: str, expected: str) -> None:
        assert normal_email(raw) == expected

    @pytest.mark.parametrize("raw", ["", "dana", "@example.org", "dana@", "da na@example.org", "a@b" + "c" * 300])
    def test_refused(self, raw: str) -> None:
        with pytest.raises(InvalidInput):
            normal_email(raw)


class TestCodes:
    NOW = datetime(2026, 11, 23, 16, 0, 10, tzinfo=UTC)

    def test_now_and_one_step_either_side(self) -> None:
        seed = totp.new_secret()
        step = int(self.NOW.timestamp()) // totp.STEP
        for distance in (-1, 0, 1):
            code = pyotp.TOTP(seed).generate_otp(step + distance)
            assert totp.match(seed, code, self.NOW, None) == step + distance
        for distance in (-2, 2):
            assert totp.match(seed, pyotp.TOTP(seed).generate_otp(step + distance), self.NOW, None) is None

    def test_a_step_is_used_up_with_all_before_it(self) -> None:
        seed = totp.new_secret()
        step = int(self.NOW.timestamp()) // totp.STEP
        code = pyotp.TOTP(seed).at(self.NOW)
        assert totp.match(seed, code, self.NOW, step - 1) == step
        assert totp.match(seed, code, self.NOW, step) is None
        assert totp.match(seed, code, self.NOW, step + 1) is None

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "12 34", "１２３４５６"])
    def test_nonsense(self, code: str) -> None:
        assert totp.match(totp.new_secret(), code, self.NOW, None) is None

    def test_spaces_are_forgiven(self) -> None:
        seed = totp.new_secret()
        code = pyotp.TOTP(seed).at(self.NOW)
        assert totp.match(seed, f" {code[:3]} {code[3:]} ", self.NOW, None) is not None

    def test_rfc_6238_vector(self) -> None:
        # Appendix B, SHA-1, the last six of the eight digits.
        seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        at = datetime.fromtimestamp(1111111109, UTC)
        assert totp.match(seed, "081804", at, None) == 1111111109 // 30

    def test_recovery_codes(self) -> None:
        codes = totp.new_recovery_codes()
        assert len({totp.recovery_hash(code) for code in codes}) == totp.RECOVERY_CODES
        assert totp.recovery_hash(codes[0].upper().replace("-", " ")) == totp.recovery_hash(codes[0])

    def test_qr_is_plain_svg_that_a_strict_policy_lets_through(self) -> None:
        svg = totp.qr_svg(totp.uri(totp.new_secret(), email="a@example.org", issuer="Careline"))
        root = ElementTree.fromstring(svg)
        assert root.tag == "svg"
        assert not any("style" in element.attrib or element.tag == "script" for element in root.iter())


class TestLimiter:
    def test_burst_then_rate_then_full_again(self) -> None:
        now = [0.0]
        limiter = Limiter(Rate(burst=3, per_second=2), now=lambda: now[0])
        for _ in range(3):
            limiter.take("a")
        with pytest.raises(TooManyRequests) as refused:
            limiter.take("a")
        assert refused.value.facts == {"seconds": 1}
        limiter.take("b")
        now[0] = 0.5
        limiter.take("a")
        with pytest.raises(TooManyRequests):
            limiter.take("a")
        now[0] = 100.0
        for _ in range(3):
            limiter.take("a")
        with pytest.raises(TooManyRequests):
            limiter.take("a")

    def test_none_means_none(self) -> None:
        limiter = Limiter(Rate(burst=0, per_second=0), now=lambda: 0.0)
        for _ in range(1000):
            limiter.take("a")

    def test_forgets_the_idle(self) -> None:
        now = [0.0]
        limiter = Limiter(Rate(burst=1, per_second=1), now=lambda: now[0])
        for number in range(Limiter.MOST):
            limiter.take(str(number))
        now[0] = 10.0
        limiter.take("one more")
        assert list(limiter._buckets) == ["one more"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/desk", "/desk"),
        ("/calls?q=1&x=/y", "/calls?q=1&x=/y"),
        ("", "/"),
        (None, "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("/ok\\..\\evil", "/"),
        ("\t//evil.example", "/"),
    ],
)
def test_where_to_go_next_is_always_here(target: str | None, expected: str) -> None:
    assert safe_next(target) == expected
