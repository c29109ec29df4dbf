"""Sessions at random commands on shared folders, each with its own model of
what RFC 3501 and RFC 7162 allow it to see. `violations` says where a server
broke it, with the last commands of that session."""
import collections
import random
import re
import time

from harness import Dialog

FLAGS = [r'\Seen', r'\Answered', r'\Flagged', r'\Deleted', r'\Draft',
         '$One', '$Two']
BOXES = ['INBOX', 'Shared']
# By their bits in the store; keywords follow.
SYSTEM = [r'\Seen', r'\Answered', r'\Flagged', r'\Deleted', r'\Draft']
UNTAGGED = re.compile(rb'\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH)(?: (.*))?$',
                      re.S)


class Violation(Exception):
    pass


class Cache:
    """What a synchroniser with QRESYNC keeps (RFC 7162 6): the flags of each
    uid, and the modseq up to which it knows all. It believes what it is told
    and nothing else; a session that ends leaves it as it is."""

    def __init__(self):
        self.validity = self.modseq = 0
        self.flags = {}

    def answers(self, lines):
        """The lines of one command, the tagged one included."""
        told = [self.modseq]
        code = None
        for line in lines:
            found = re.search(rb'\[HIGHESTMODSEQ (\d+)\]', line)
            if found:
                code = int(found.group(1))
            found = re.match(rb'\* VANISHED (?:\(EARLIER\) )?(\S+)$', line)
            if found:
                self.vanish(found.group(1))
            if re.match(rb'\* \d+ (UID)?FETCH ', line):
                told.append(self.fetched(line))
        self.modseq = max(told) if code is None else code

    def vanish(self, text):
        for part in text.split(b','):
            lo, _, hi = part.partition(b':')
            for uid in range(int(lo), int(hi or lo) + 1):
                self.flags.pop(uid, None)

    def fetched(self, line):
        uid = re.search(rb'UID (\d+)', line) or \
            re.match(rb'\* (\d+) UIDFETCH', line)
        flags = re.search(rb'FLAGS \(([^)]*)\)', line)
        if uid and flags:
            self.flags[int(uid.group(1))] = frozenset(
                f.lower() for f in flags.group(1).decode().split()
                if f != r'\Recent')
        found = re.search(rb'MODSEQ \((\d+)\)', line)
        return int(found.group(1)) if found else 0


class Synchroniser:
    """Comes, resynchronises, does a few things that may tell no expunge,
    and goes in the middle, always with the same cache of one mailbox."""

    def __init__(self, system, user, seed, box):
        self.system, self.user, self.box = system, user, box
        self.random = random.Random(seed)
        self.cache = Cache()
        self.history = collections.deque(maxlen=60)
        self.n_commands = 0

    def command(self, text):
        self.n_commands += 1
        tag = f's{self.n_commands}'
        self.history.append('C: ' + text[:100])
        self.d.send(f'{tag} {text}\r\n')
        return self.rest_of(tag, text)

    def rest_of(self, tag, text='IDLE'):
        lines = []
        while True:
            line = self.d.line()
            if line.endswith(b'}\r\n'):
                line += self.d.file.read(
                    int(line[line.rindex(b'{') + 1:-3])) + self.d.line()
            if not line or (line.startswith(b'* BYE') and text != 'LOGOUT'):
                raise Violation(f'{text}: ended: {line}\n    ' +
                                '\n    '.join(self.history))
            self.history.append('S: ' + line.decode('latin-1')[:100].rstrip())
            lines.append(line.rstrip(b'\r\n'))
            if line.startswith(tag.encode() + b' '):
                return lines

    def begin(self):
        self.d = Dialog(self.system, 'm3mta-imap', '--preauth', self.user)
        self.d.line()
        # UIDONLY has no numbers of messages.
        self.has_numbers = self.random.random() < 0.7
        self.command('ENABLE QRESYNC' +
                     ('' if self.has_numbers else ' UIDONLY'))
        c = self.cache
        lines = self.command(f'SELECT {self.box}{self.known()}')
        text = b'\n'.join(lines)
        validity = int(re.search(rb'UIDVALIDITY (\d+)', text).group(1))
        if validity != c.validity:
            self.cache = c = Cache()
            c.validity = validity
            c.answers(lines)
            c.answers(self.command('UID FETCH 1:* (FLAGS MODSEQ)'))
        else:
            c.answers(lines)
            self.find_new()

    def known(self):
        """What SELECT asks for: with the uids in the cache, or more than
        those, or without."""
        c = self.cache
        if not c.validity:
            return ''
        uids = sorted(c.flags)
        text = self.random.choice([
            '', '', ','.join(map(str, uids)),
            f'1:{uids[-1]}' if uids else ''])
        return f' (QRESYNC ({c.validity} {c.modseq}{" " if text else ""}' \
            f'{text}))'

    def find_new(self):
        """Uids that it never saw. What it has and the server has not it
        goes on to believe in: VANISHED should have said so."""
        lines = self.command('UID SEARCH ALL')
        found = [x for x in lines if x.startswith(b'* SEARCH')]
        new = [uid for uid in found[0].decode().split()[2:]
               if int(uid) not in self.cache.flags]
        self.cache.answers(lines)
        if new:
            self.cache.answers(self.command(
                f'UID FETCH {",".join(new)} (FLAGS)'))

    def step(self):
        """One visit; it ends with LOGOUT or without."""
        self.begin()
        try:
            if self.random.random() < 0.3:
                self.cache.answers(self.command(
                    'NOTIFY SET (selected-delayed (MessageNew (UID FLAGS '
                    'MODSEQ) MessageExpunge FlagChange))'))
            for _ in range(self.random.randrange(5)):
                self.act()
            if self.random.random() < 0.2:
                self.cache.answers(self.command('LOGOUT'))
        finally:
            self.d.close()

    def act(self):
        choices = ['NOOP', 'IDLE', 'UID FETCH 1:* (FLAGS)', 'UID SEARCH ALL',
                   r'UID STORE 1:* +FLAGS ($Two)']
        uids = sorted(self.cache.flags)
        if uids:
            uid = self.random.choice(uids)
            other = {'INBOX': 'Shared', 'Shared': 'INBOX'}[self.box]
            choices += [
                rf'UID STORE {uid} +FLAGS (\Deleted)', f'UID EXPUNGE {uid}',
                f'UID MOVE {uid} {other}', f'UID COPY {uid} {other}',
                f'UID FETCH 1:{uid} (FLAGS) (CHANGEDSINCE '
                f'{self.cache.modseq} VANISHED)', f'UID FETCH {uid} (BODY[])']
        if self.has_numbers and uids:
            choices += [
                'FETCH 1:* (UID FLAGS)', r'STORE 1 +FLAGS (\Seen)',
                r'STORE 1 -FLAGS (\Seen)', r'STORE 1 +FLAGS ($One)',
                'STORE 1 (UNCHANGEDSINCE 1) +FLAGS ($Two)', 'SEARCH ALL',
                'FETCH 1 (BODY[])', 'EXPUNGE'] * 2
        text = self.random.choice(choices)
        self.cache.answers(self.idle() if text == 'IDLE' else
                           self.command(text))

    def idle(self):
        """What comes meanwhile is read with the answer to DONE."""
        self.d.send('i IDLE\r\n')
        self.history.append('C: IDLE')
        lines = []
        while not (lines and lines[-1].startswith(b'+')):
            lines.append(self.d.line().rstrip(b'\r\n'))
            self.history.append('S: ' + lines[-1].decode('latin-1')[:100])
        time.sleep(0.2 * self.random.random())
        self.d.send('DONE\r\n')
        return lines + self.rest_of('i')

    def state(self):
        """What it believes when it has come once more."""
        self.begin()
        self.d.close()
        return self.cache.flags


class Session:
    def __init__(self, system, user, seed, log, notify=True, owner=None):
        """owner: of the folders, when it is another user."""
        self.prefix = f'Other Users/{owner}/' if owner else ''
        self.random = random.Random(seed)
        self.d = Dialog(system, 'm3mta-imap', '--preauth', user)
        self.d.line()
        self.log = log
        self.history = collections.deque(maxlen=40)
        self.tag = 0
        self.told = set()
        self.box = None
        self.condstore = self.random.random() < 0.5
        if self.condstore:
            self.command('ENABLE CONDSTORE')
        # None: it hears of others with its commands. Else NOTIFY tells it
        # at any time: EXPUNGE only with commands, or at once.
        self.notify = self.random.choice(
            [None, None, 'selected-delayed', 'selected']) if notify else None
        if self.notify:
            self.command(f'NOTIFY SET ({self.notify} (MessageNew (UID FLAGS) '
                         'MessageExpunge FlagChange)) (personal (MessageNew '
                         'MessageExpunge MailboxName))')

    def close(self):
        self.d.close()

    def name(self, box):
        return f'"{self.prefix}{box}"'

    def fail(self, what):
        raise Violation(what + '\n    ' + '\n    '.join(self.history))

    # --- the model --------------------------------------------------------

    def reset(self):
        self.uids = []        # by sequence number; None: not known yet
        self.flags = {}       # by uid, when known
        self.modseq = {}
        self.uidnext = 0

    def command(self, text, may_expunge=True):
        """Sends it; the untagged answers change the model. The lines."""
        self.tag += 1
        tag = f't{self.tag}'
        self.history.append('C: ' + text[:100])
        self.d.send(f'{tag} {text}\r\n')
        self.told = set()     # uids whose flags this command's answers had
        lines = []
        while True:
            line = self.read()
            if line.startswith(tag.encode() + b' '):
                self.history.append('S: ' + line.decode('latin-1')[:100])
                self.result = line[len(tag) + 1:]
                if self.result.startswith(b'BAD'):
                    self.fail(f'BAD for {text}')
                return lines
            lines.append(line)
            self.history.append('S: ' + line.decode('latin-1')[:100])
            self.untagged(line, may_expunge)

    def read(self):
        text = b''
        while True:
            line = self.d.line()
            if not line:
                self.fail('the connection was closed')
            text += line
            if not line.endswith(b'}\r\n'):
                return text[:-2]
            size = int(line[line.rindex(b'{') + 1:-3])
            text += self.d.file.read(size)

    def untagged(self, line, may_expunge):
        m = UNTAGGED.match(line)
        if line.startswith(b'* BYE'):
            self.fail('BYE')
        if not m or self.box is None:
            return
        n, kind = int(m.group(1)), m.group(2)
        if kind == b'EXISTS':
            if n < len(self.uids):
                self.fail(f'EXISTS fell to {n} from {len(self.uids)}')
            self.uids += [None] * (n - len(self.uids))
        elif kind == b'EXPUNGE':
            if not may_expunge and self.notify != 'selected':
                self.fail('EXPUNGE where none is allowed')
            if not 1 <= n <= len(self.uids):
                self.fail(f'EXPUNGE {n} of {len(self.uids)}')
            uid = self.uids.pop(n - 1)
            self.flags.pop(uid, None)
        elif kind == b'FETCH':
            self.fetched(n, m.group(3))

    def fetched(self, n, text):
        if not 1 <= n <= len(self.uids):
            self.fail(f'FETCH of {n}, there are {len(self.uids)}')
        found = re.search(rb'UID (\d+)', text)
        uid = int(found.group(1)) if found else self.uids[n - 1]
        if found:
            if self.uids[n - 1] not in (None, uid):
                self.fail(f'{n} was uid {self.uids[n - 1]}, is {uid}')
            self.uids[n - 1] = uid
            known = [u for u in self.uids if u]
            if known != sorted(set(known)):
                self.fail(f'uids do not rise: {known}')
        found = re.search(rb'MODSEQ \((\d+)\)', text)
        if found and uid:
            if int(found.group(1)) < self.modseq.get(uid, 0):
                self.fail(f'modseq of uid {uid} fell')
            self.modseq[uid] = int(found.group(1))
        found = re.search(rb'FLAGS \(([^)]*)\)', text)
        if found and uid:
            self.told.add(uid)
            self.flags[uid] = frozenset(
                f.lower() for f in found.group(1).decode().split()
                if f != r'\Recent')

    # --- commands ------------------------------------------------------------

    def step(self):
        if self.box is None or self.random.random() < 0.03:
            self.do_select()
            return
        self.random.choice([
            self.do_append, self.do_append, self.do_store, self.do_store,
            self.do_store, self.do_fetch, self.do_fetch, self.do_search,
            self.do_copy, self.do_move, self.do_expunge, self.do_noop,
            self.do_noop, self.do_idle, self.do_status, self.do_wait,
            self.do_rename])()

    def do_select(self):
        self.box = None
        self.reset()
        box = self.random.choice(BOXES)
        lines = self.command(f'SELECT {self.name(box)}')
        self.box = box
        for line in lines:
            m = re.match(rb'\* (\d+) EXISTS', line)
            if m:
                self.uids = [None] * int(m.group(1))
        # What comes meanwhile is told behind the answers.
        lines = self.command('UID FETCH 1:* (FLAGS)')
        before = 0
        for line in lines:
            if not re.match(rb'\* \d+ FETCH', line):
                break
            before += 1
        if any(x.endswith(b' EXPUNGE') for x in lines):
            self.command('UID FETCH 1:* (FLAGS)')
            return
        if before < len(self.uids) and None in self.uids[:before]:
            self.fail(f'no answer for {self.uids.index(None) + 1}')

    def number(self):
        return self.random.randrange(1, len(self.uids) + 1)

    def set_of(self):
        """(a set, UID or not, the uids that it names as far as known)"""
        a, b = sorted((self.number(), self.number()))
        b = min(b, a + 5)
        uids = self.uids[a - 1:b]
        if self.notify == 'selected':
            # Numbers may change before the command is read: uids only.
            uids = [u for u in uids if u]
            return (f'{uids[0]}:{uids[-1]}' if uids else '1:*', 'UID ', uids)
        if self.random.random() < 0.5 and None not in uids:
            return f'{uids[0]}:{uids[-1]}', 'UID ', uids
        return f'{a}:{b}', '', uids

    def do_append(self):
        flags = ' '.join(self.random.sample(FLAGS[:3], 1))
        text = f'Subject: {self.tag}\r\n\r\nx\r\n'
        box = self.random.choice(BOXES)
        before = len(self.uids)
        self.command(f'APPEND {self.name(box)} ({flags}) '
                     f'{{{len(text)}+}}\r\n{text}')
        if not self.result.startswith(b'OK [APPENDUID '):
            self.fail('APPEND failed')
        if box == self.box and len(self.uids) == before == 0:
            self.fail('no EXISTS after an own APPEND')

    def do_store(self):
        if not self.uids:
            return
        where, uid, uids = self.set_of()
        op = self.random.choice(['+', '-', ''])
        # What NOTIFY tells before the command is read, and its own answers,
        # look alike: what a silent STORE left is not known then.
        silent = self.random.choice(['', '.SILENT']) if not self.notify \
            else ''
        flag = self.random.choice(FLAGS)
        self.command(f'{uid}STORE {where} {op}FLAGS{silent} ({flag})',
                     may_expunge=bool(uid))
        if self.result.startswith(b'NO'):
            return
        for u in uids:
            # An answer of this command has the flags as they were behind it.
            if u is None or u not in self.flags or u in self.told:
                continue
            if silent and self.result.startswith(b'OK'):
                was = self.flags[u]
                self.flags[u] = {'+': was | {flag.lower()},
                                 '-': was - {flag.lower()}}.get(
                                     op, frozenset([flag.lower()]))

    def do_fetch(self):
        if not self.uids:
            return
        where, uid, uids = self.set_of()
        lines = self.command(f'{uid}FETCH {where} (UID FLAGS)',
                             may_expunge=bool(uid))
        if not uid and self.result.startswith(b'OK') and \
                b'[EXPUNGEISSUED]' not in self.result:
            told = {int(m.group(1)) for m in (
                re.match(rb'\* (\d+) FETCH', x) for x in lines) if m}
            a, b = map(int, where.split(':'))
            if not set(range(a, b + 1)) <= told:
                self.fail(f'FETCH {where} answered {sorted(told)}')

    def do_search(self):
        key = self.random.choice(['ALL', 'SEEN', 'UNDELETED', 'KEYWORD $One',
                                  '1:*', 'UID 1:*'])
        if not self.uids and '*' in key:
            return
        uid = self.random.choice(['', 'UID '])
        lines = self.command(f'{uid}SEARCH {key}', may_expunge=bool(uid))
        for line in lines:
            if not uid and line.startswith(b'* SEARCH'):
                hits = [int(x) for x in line.split()[2:]]
                if hits and max(hits) > len(self.uids):
                    self.fail(f'SEARCH {key} found {max(hits)}')

    def do_copy(self):
        self.copy('COPY')

    def do_move(self):
        if self.random.random() < 0.4:
            self.copy('MOVE')

    def copy(self, verb):
        if not self.uids or len(self.uids) > 60 and verb == 'COPY':
            return
        where, uid, _ = self.set_of()
        other = [b for b in BOXES if b != self.box][0]
        lines = self.command(f'{uid}{verb} {where} {self.name(other)}')
        for line in lines + [self.result]:
            m = re.search(rb'COPYUID \d+ (\S+) ([^\]]+)\]', line)
            if m and self.count(m.group(1)) != self.count(m.group(2)):
                self.fail('COPYUID: two lengths')

    @staticmethod
    def count(text):
        n = 0
        for part in text.split(b','):
            a, _, b = part.partition(b':')
            n += int(b or a) - int(a) + 1
        return n

    def do_expunge(self):
        self.command('EXPUNGE')

    def do_noop(self):
        self.command('NOOP')

    def do_rename(self):
        """All of INBOX goes away at once (RFC 3501 6.3.5)."""
        if self.prefix or self.random.random() < 0.8:
            return
        self.command(f'RENAME INBOX Old/{self.random.randrange(10**9)}')
        if not self.result.startswith(b'OK'):
            self.fail('RENAME INBOX failed')

    def do_wait(self):
        """NOTIFY may tell something meanwhile."""
        time.sleep(0.1 * self.random.random() if self.notify else 0)

    def do_status(self):
        box = self.name(self.random.choice(BOXES))
        self.command(f'STATUS {box} (MESSAGES UIDNEXT '
                     'UNSEEN HIGHESTMODSEQ)')

    def do_idle(self):
        self.tag += 1
        tag = f't{self.tag}'
        self.history.append('C: IDLE')
        self.d.send(f'{tag} IDLE\r\n')
        while not (line := self.read()).startswith(b'+'):
            self.untagged(line, True)
        self.d.send('DONE\r\n')
        while not (line := self.read()).startswith(tag.encode() + b' '):
            self.history.append('S: ' + line.decode('latin-1')[:100])
            self.untagged(line, True)

    # --- all agree ---------------------------------------------------------------

    def state(self):
        """After NOOP and a look at all flags: what stands under each number,
        [(uid, flags, modseq or None)]."""
        self.command('NOOP')
        told = dict(self.flags)
        uids = list(self.uids)
        self.modseq = {}
        self.command('UID FETCH 1:* (FLAGS%s)' % (
            ' MODSEQ' if self.condstore else ''))
        for uid, flags in told.items():
            if uid in self.flags and self.flags[uid] != flags:
                self.fail(f'uid {uid}: told {sorted(flags)}, has '
                          f'{sorted(self.flags[uid])}')
        if len(uids) != len(self.uids):
            self.fail('the count changed while all were still')
        return [(u, self.flags[u], self.modseq.get(u)) for u in self.uids]


def stored(system, box):
    """The same, as the database has it, and highestmodseq."""
    folder = system.db.folders.find_one(
        {'name': box, 'mailbox': 'ann@example.org'})
    entries = {}
    for page in system.db.pages.find({'owner': folder['owner'],
                                      'folder': folder['_id']}):
        entries.update((e['u'], e) for e in page['e'])
    entries.update((e['u'], e) for e in folder['tail'])
    names = SYSTEM + folder['keywords']
    return [(uid, frozenset(name.lower() for bit, name in enumerate(names)
                            if e['f'] >> bit & 1), e['m'])
            for uid, e in sorted(entries.items())], folder['highestmodseq']
