"""The system call filter of a sandbox, as a classic BPF program for bwrap's ``--seccomp``.

Pure: a function of the machine's architecture and a list of rules. The rules follow the default profiles of container
runtimes. The program's input is the kernel's ``struct seccomp_data`` (<linux/seccomp.h>).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

LAST_KNOWN: Final = 462
"""The highest call number whose meaning was reviewed (mseal, Linux 6.10). Higher ones, and those of the x32 ABI, whose
numbers have bit 30 set, answer ENOSYS, so programs fall back on what older kernels have."""

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _AND, _EQUAL, _GREATER, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
_OFFSET_OF_NUMBER, _OFFSET_OF_ARCHITECTURE, _OFFSET_OF_ARGUMENTS = 0, 4, 16
_WORD: Final = 0xFFFFFFFF

ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""By `os.uname().machine`: the kernel's AUDIT_ARCH value, and the column of `NUMBERS`. Both are little-endian."""

NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "capset": (126, 91),
    "chown": (92, None),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_kernel_syms": (177, None),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lchown": (94, None),
    "listmount": (458, 458),
    "lookup_dcookie": (212, 18),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "query_module": (178, None),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setfsgid": (123, 152),
    "setfsuid": (122, 151),
    "setgid": (106, 144),
    "setgroups": (116, 159),
    "setns": (308, 268),
    "setregid": (114, 143),
    "setresgid": (119, 149),
    "setresuid": (117, 147),
    "setreuid": (113, 145),
    "settimeofday": (164, 170),
    "setuid": (105, 146),
    "socket": (41, 198),
    "statmount": (457, 457),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
}
"""Call numbers on x86-64 and on arm64; None where the architecture lacks the call."""


@dataclass(frozen=True)
class Condition:
    """Whether an argument's lower 32 bits, masked, are among `values` (`negated`: are not). The kernel uses no more of
    any argument that is looked at here."""

    argument: int
    values: tuple[int, ...]
    mask: int = _WORD
    negated: bool = False


@dataclass(frozen=True)
class Rule:
    """`calls` answer the error number `answer` (0: success, and nothing happens), always or under a condition."""

    calls: tuple[str, ...]
    answer: int
    condition: Condition | None = None


_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_CLONE_NEWTIME = 0x80  # unshare only: clone has the signal at the child's end in these bits
_AF_VSOCK = 40
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
# Linux, 32-bit addresses, the two kinds of uname for them, no address randomization (gdb), and the question.
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0x40000, 0xFFFFFFFF)
_DEVICE_MODES = (0o020000, 0o060000)
_FILE_TYPE = 0o170000

DENIED: Final = (
    Rule(("clone",), errno.EPERM, Condition(0, (0,), _NEW_NAMESPACES, negated=True)),
    Rule(("unshare",), errno.EPERM, Condition(0, (0,), _NEW_NAMESPACES | _CLONE_NEWTIME, negated=True)),
    Rule(("setns",), errno.EPERM),
    # Its flags lie in memory, where no filter can look. ENOSYS makes the C library use clone; EPERM would not.
    Rule(("clone3",), errno.ENOSYS),
    Rule(("mount", "umount2", "pivot_root", "move_mount", "open_tree", "mount_setattr"), errno.EPERM),
    Rule(("fsopen", "fsconfig", "fsmount", "fspick"), errno.EPERM),
    Rule(("statmount", "listmount"), errno.ENOSYS),
    # Large parts of the kernel that are seldom needed and have often been broken into. Libraries have a fallback.
    Rule(("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd"), errno.ENOSYS),
    Rule(("bpf", "perf_event_open", "fanotify_init", "lookup_dcookie"), errno.EPERM),
    # Keyrings belong to a user of the host, not to a sandbox.
    Rule(("add_key", "request_key", "keyctl"), errno.EPERM),
    # File handles lead around paths.
    Rule(("open_by_handle_at",), errno.EPERM),
    Rule(("kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct"), errno.EPERM),
    Rule(("init_module", "finit_module", "delete_module", "create_module"), errno.EPERM),
    Rule(("quotactl", "quotactl_fd", "syslog", "vhangup", "settimeofday", "clock_settime"), errno.EPERM),
    Rule(("iopl", "ioperm"), errno.EPERM),
    Rule(
        ("get_kernel_syms", "query_module", "nfsservctl", "sysfs", "_sysctl", "uselib", "ustat"),
        errno.ENOSYS,
    ),
    # Processes inside may trace each other, but not pid 1. It is not dumpable either.
    Rule(("kcmp",), errno.EPERM, Condition(0, (1,))),
    Rule(("kcmp",), errno.EPERM, Condition(1, (1,))),
    Rule(("ptrace",), errno.EPERM, Condition(1, (1,))),
    Rule(("process_vm_readv", "process_vm_writev"), errno.EPERM, Condition(0, (1,))),
    # Input for a terminal, which another process would take for its user's.
    Rule(("ioctl",), errno.EPERM, Condition(1, (_TIOCSTI, _TIOCLINUX))),
    # Sockets to the hypervisor belong to no network namespace.
    Rule(("socket",), errno.EAFNOSUPPORT, Condition(0, (_AF_VSOCK,))),
    Rule(("personality",), errno.EPERM, Condition(0, _PERSONALITIES, negated=True)),
)
"""What every sandbox is denied."""

ROOT_PRETENDED: Final = (
    Rule(("chown", "fchown", "lchown", "fchownat"), 0),
    Rule(("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid"), 0),
    Rule(("setgroups", "capset"), 0),
    Rule(("mknod",), 0, Condition(1, _DEVICE_MODES, _FILE_TYPE)),
    Rule(("mknodat",), 0, Condition(2, _DEVICE_MODES, _FILE_TYPE)),
)
"""What succeeds without effect in an image whose programs expect to be root, where only one uid is mapped."""


def program(machine: str, rules: Sequence[Rule] = DENIED) -> bytes | None:
    """The filter for a machine (`os.uname().machine`), or None where this architecture is not known here."""
    if machine not in ARCHITECTURES:
        return None
    architecture, column = ARCHITECTURES[machine]
    words = [
        _word(_LOAD, _OFFSET_OF_ARCHITECTURE),
        _word(_EQUAL, architecture, 1, 0),
        _word(_RETURN, _ERRNO | errno.ENOSYS),
        _word(_LOAD, _OFFSET_OF_NUMBER),
        _word(_GREATER, LAST_KNOWN, 0, 1),
        _word(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for number, clauses in _by_number(rules, column).items():
        body = _body(clauses)
        words += [_word(_EQUAL, number, 0, len(body)), *body]
    return b"".join([*words, _word(_RETURN, _ALLOW)])


def _by_number(rules: Iterable[Rule], column: int) -> dict[int, list[Rule]]:
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        for call in rule.calls:
            number = NUMBERS[call][column]
            if number is not None:
                found.setdefault(number, []).append(rule)
    return found


def _body(rules: Sequence[Rule]) -> list[bytes]:
    """What is done for one call. It ends with a return on every way through it."""
    words: list[bytes] = []
    for rule in rules:
        answer = _word(_RETURN, _ERRNO | rule.answer)
        if rule.condition is None:
            return [*words, answer]
        words += [*_test(rule.condition), answer]
    return [*words, _word(_RETURN, _ALLOW)]


def _test(condition: Condition) -> list[bytes]:
    """Goes on with the next instruction where the condition holds, else with the one after it."""
    words = [_word(_LOAD, _OFFSET_OF_ARGUMENTS + 8 * condition.argument)]
    if condition.mask != _WORD:
        words.append(_word(_AND, condition.mask))
    left = len(condition.values)
    for value in condition.values:
        left -= 1
        among, not_among = (left + 1, 0) if condition.negated else (left, 0 if left else 1)
        words.append(_word(_EQUAL, value, among, not_among))
    return words


def _word(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """A `struct sock_filter` (<linux/filter.h>)."""
    return struct.pack("<HBBI", code, if_true, if_false, operand)
