"""The system call filter, run by an interpreter of its program."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import struct
from collections.abc import Iterator

import pytest

from outrider_sandbox import seccomp
from outrider_sandbox.seccomp import ARCHITECTURES, DENIED, LAST_KNOWN, NUMBERS, ROOT_PRETENDED, Condition, Rule

ALLOWED = None
AUDIT_I386, AUDIT_ARM = 0x40000003, 0x40000028
ARGUMENT_SAMPLES = (0, 1, 2, 0x80, 0x11, 40, 0x5412, 0x20000, 0x20002, 0x10000000, 0x7E020080, 0xFFFFFFFF, 1 << 32)
FLAGS = {
    "CLONE_NEWNS": 0x00020000,
    "CLONE_NEWCGROUP": 0x02000000,
    "CLONE_NEWUTS": 0x04000000,
    "CLONE_NEWIPC": 0x08000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
THREAD = 0x3D0F00
"""The flags of pthread_create."""


def answer(program: bytes, architecture: int, number: int, *arguments: int) -> int | None:
    """What the kernel would answer: None for allowed, else the error number. Raises for a program it would refuse."""
    words = [struct.unpack("<HBBI", program[i : i + 8]) for i in range(0, len(program), 8)]
    values = [argument & (2**64 - 1) for argument in (*arguments, *[0] * 6)][:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *values)
    at, accumulator = 0, 0
    while True:
        code, if_true, if_false, operand = words[at]
        at += 1
        if code == 0x20:
            assert operand % 4 == 0 and operand < 64
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code in (0x15, 0x25):
            at += if_true if (accumulator == operand if code == 0x15 else accumulator > operand) else if_false
        else:
            assert code == 0x06
            if operand == 0x7FFF0000:
                return ALLOWED
            assert operand >> 16 == 0x0005
            return int(operand & 0xFFFF)


def expected(rules: tuple[Rule, ...], name: str, arguments: tuple[int, ...]) -> int | None:
    """The meaning of the rules, without a program."""
    for rule in rules:
        if name in rule.calls:
            condition = rule.condition
            if condition is None:
                return rule.answer
            among = arguments[condition.argument] & 0xFFFFFFFF & condition.mask in condition.values
            if among != condition.negated:
                return rule.answer
    return ALLOWED


def made(machine: str, rules: tuple[Rule, ...] = DENIED) -> bytes:
    program = seccomp.program(machine, rules)
    assert program is not None
    return program


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def named(machine: str) -> Iterator[tuple[str, int]]:
    column = ARCHITECTURES[machine][1]
    for name, numbers in NUMBERS.items():
        if (number := numbers[column]) is not None:
            yield name, number


@pytest.mark.parametrize("rules", [DENIED, ROOT_PRETENDED, DENIED + ROOT_PRETENDED])
def test_every_number_with_every_sample_of_an_argument(machine: str, rules: tuple[Rule, ...]) -> None:
    program, architecture = made(machine, rules), ARCHITECTURES[machine][0]
    names = {number: name for name, number in named(machine)}
    for number in range(LAST_KNOWN + 1):
        if number not in names:
            assert answer(program, architecture, number, *[0xFFFFFFFF] * 6) is ALLOWED, number
            continue
        for position in range(6):
            for value in ARGUMENT_SAMPLES:
                for rest in (0, 1, 0xFFFFFFFF):
                    arguments = tuple(value if place == position else rest for place in range(6))
                    said = answer(program, architecture, number, *arguments)
                    assert said == expected(rules, names[number], arguments), (names[number], arguments)


def test_other_abis_have_no_calls_at_all(machine: str) -> None:
    program = made(machine)
    others = {AUDIT_I386, AUDIT_ARM, 0, 0xFFFFFFFF} | {value for value, _ in ARCHITECTURES.values()}
    for other in others - {ARCHITECTURES[machine][0]}:
        assert all(answer(program, other, number) == errno.ENOSYS for number in range(LAST_KNOWN + 1))


def test_x32_and_calls_that_nobody_reviewed_are_unknown(machine: str) -> None:
    program, architecture = made(machine), ARCHITECTURES[machine][0]
    for number in [*range(LAST_KNOWN + 1, 2000), *(0x40000000 | n for n in range(600)), 0x7FFFFFFF, -1]:
        assert answer(program, architecture, number) == errno.ENOSYS


@pytest.mark.parametrize("flag", FLAGS)
def test_no_call_makes_a_namespace(machine: str, flag: str) -> None:
    program, architecture = made(machine), ARCHITECTURES[machine][0]
    numbers = dict(named(machine))
    for others in (0, 17, THREAD, 1 << 40):
        assert answer(program, architecture, numbers["clone"], FLAGS[flag] | others) == errno.EPERM
        assert answer(program, architecture, numbers["unshare"], FLAGS[flag] | others) == errno.EPERM
    assert answer(program, architecture, numbers["clone3"], 0) == errno.ENOSYS


def test_threads_processes_and_debuggers_are_as_they_were(machine: str) -> None:
    program, architecture = made(machine), ARCHITECTURES[machine][0]
    numbers = dict(named(machine))
    allowed: list[tuple[str, tuple[int, ...]]] = [
        ("clone", (THREAD,)),
        ("clone", (17,)),
        ("clone", (0x4111,)),  # vfork, as posix_spawn does it
        ("unshare", (0x400,)),  # CLONE_FILES
        ("ptrace", (0, 0)),  # PTRACE_TRACEME
        ("ptrace", (0x4206, 7)),  # PTRACE_SEIZE
        ("process_vm_readv", (7,)),
        ("socket", (1,)),
        ("ioctl", (0, 0x5401)),
        ("personality", (0x40000,)),
        ("personality", (-1,)),
    ]
    for name, arguments in allowed:
        assert answer(program, architecture, numbers[name], *arguments) is ALLOWED, name


def test_pid_1_is_nobody_s_to_trace(machine: str) -> None:
    program, architecture = made(machine), ARCHITECTURES[machine][0]
    numbers = dict(named(machine))
    for pid in (1, 1 | 1 << 32):
        assert answer(program, architecture, numbers["ptrace"], 16, pid) == errno.EPERM
        assert answer(program, architecture, numbers["process_vm_writev"], pid) == errno.EPERM


def test_calls_that_only_seem_to_succeed_come_from_the_same_builder(machine: str) -> None:
    program, architecture = made(machine, DENIED + ROOT_PRETENDED), ARCHITECTURES[machine][0]
    numbers = dict(named(machine))
    for name in ("fchown", "setresuid", "setgroups", "capset"):
        assert answer(program, architecture, numbers[name], 0, 0) == 0
    assert answer(program, architecture, numbers["mknodat"], 0, 0, 0o020666) == 0
    assert answer(program, architecture, numbers["mknodat"], 0, 0, 0o010666) is ALLOWED, "a FIFO is a real one"
    assert answer(program, architecture, numbers["mount"]) == errno.EPERM


def test_several_conditions_on_one_call(machine: str) -> None:
    rules = (
        Rule(("socket",), errno.EACCES, Condition(0, (40, 41))),
        Rule(("socket",), errno.EPERM, Condition(1, (0, 2), 0xF, negated=True)),
    )
    program, architecture = made(machine, rules), ARCHITECTURES[machine][0]
    number = dict(named(machine))["socket"]
    said = [answer(program, architecture, number, *pair) for pair in ((40, 0), (41, 1), (1, 1), (1, 0x10), (1, 2))]
    assert said == [errno.EACCES, errno.EACCES, errno.EPERM, ALLOWED, ALLOWED]


def test_every_number_of_the_table_is_used_and_every_rule_is_in_the_table() -> None:
    used = {call for rule in (*DENIED, *ROOT_PRETENDED) for call in rule.calls}
    assert used == set(NUMBERS)


def test_a_program_is_one_that_the_kernel_takes(machine: str) -> None:
    program = made(machine, DENIED + ROOT_PRETENDED)
    assert len(program) % 8 == 0
    assert len(program) // 8 <= 4096


def test_there_is_none_for_an_architecture_that_is_not_known() -> None:
    assert seccomp.program("riscv64") is None


def test_numbers_are_those_of_libseccomp(machine: str) -> None:
    """slirp4netns brings the library, which knows every call of its day."""
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp is not installed")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    architecture, column = ARCHITECTURES[machine]
    for call, numbers in NUMBERS.items():
        known = resolve(architecture, call.encode())
        # Negative numbers: unknown to this release, or not a call of this architecture.
        if known >= 0 or numbers[column] is None:
            assert known == numbers[column] or (known < 0 and numbers[column] is None), call


def test_this_machine_has_one_or_says_so() -> None:
    assert (seccomp.program(os.uname().machine) is None) == (os.uname().machine not in ARCHITECTURES)
