"""What the parts of a campaign tell each other: the clock, the ledger of
mail that was acknowledged, waits and violations. Thread-safe."""
import collections
import hashlib
import random
import threading
import time


def body_of(ident, size):
    """The text of a message, made from its name: it is compared octet by
    octet when it is read."""
    noise = random.Random(ident)
    lines, length = [], 0
    while length < size:
        line = noise.choice('abcdefgh') * min(72, max(1, size - length - 2))
        if noise.random() < 0.1:
            line = '.' + line[1:]
        lines.append(line)
        length += len(line) + 2
    return ('\r\n'.join(lines) + '\r\n').encode()


def digest(octets):
    return hashlib.sha256(octets).hexdigest()[:16]


class Journal:
    def __init__(self):
        self.lock = threading.Lock()
        self.start = time.monotonic()
        self.violations = []
        self.faults = collections.Counter()
        self.fault_times = []
        self.waits = collections.defaultdict(list)
        self.counts = collections.Counter()
        self.skipped = []
        self.mail = {}        # name of a message: Mail

    def now(self):
        return time.monotonic() - self.start

    def violation(self, kind, text):
        with self.lock:
            self.violations.append((kind, f'{self.now():.1f} s: {text}'))

    def fault(self, kind):
        with self.lock:
            self.faults[kind] += 1
            self.fault_times.append((self.now(), kind))

    def skip(self, what, why):
        self.skipped.append(f'{what}: {why}')

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def wait(self, what, seconds):
        with self.lock:
            self.waits[what].append(seconds)

    def table(self):
        """Lines about the waits of clients."""
        for what, values in sorted(self.waits.items()):
            values = sorted(values)
            n = len(values)
            yield (f'{what:24} n={n:6} p50={values[n // 2] * 1000:8.0f} ms  '
                   f'p99={values[n * 99 // 100] * 1000:8.0f} ms  '
                   f'max={values[-1] * 1000:8.0f} ms')


class Mail:
    """One message: what becomes of it by the rules. `local` counts the
    copies that each mailbox gets, `bad` are recipients that are refused for
    good elsewhere, `remote` those that are taken."""

    def __init__(self, name, sender, recipients, size):
        self.name = name
        self.sender = sender
        self.recipients = recipients
        self.size = size
        self.state = 'unknown'    # acknowledged, refused
        self.local = collections.Counter()
        self.remote = [r for r in recipients if r.startswith('r')
                       and r.endswith('@far.test')]
        self.bad = [r for r in recipients if r.startswith('bad')]
        self.sha = digest(body_of(name, size))


class Clock:
    """When the campaign is over."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def runs(self):
        return time.monotonic() < self.end

    def sleep(self, seconds):
        time.sleep(max(0, min(seconds, self.end - time.monotonic())))
