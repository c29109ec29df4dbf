"""IMAP clients of the campaign. A client owns its mailbox and knows how many
copies of each message each folder must have: `low` to `high`, which differ
only by commands whose outcome it did not hear. A reader polls the mailboxes
that mail is delivered to and holds what it saw against what it sees."""
import collections
import random
import re
import socket
import threading
import time

from journal import body_of, digest

TIMEOUT = 100
FOLDERS = ['INBOX', 'One', 'Two']
UID = re.compile(rb'UID (\d+)')
SUBJECT = re.compile(rb'\r\nSubject: (\S+)', re.I)


class Lost(Exception):
    """The connection is gone."""


class Session:
    """One IMAP connection; each wait is noted."""

    def __init__(self, journal, port, user):
        self.journal = journal
        self.sock = socket.create_connection(('127.0.0.1', port), TIMEOUT)
        self.file = self.sock.makefile('rb')
        self.n = 0
        self.wait_for_line('connect')
        if not self.command(f'LOGIN {user} secret')[0].startswith(b'OK'):
            raise Lost('login')

    def close(self):
        self.file.close()
        self.sock.close()

    def wait_for_line(self, what):
        start = time.monotonic()
        line = self.line()
        self.journal.wait('imap ' + what, time.monotonic() - start)
        return line

    def line(self):
        """One line with its literals."""
        text = b''
        while True:
            part = self.file.readline()
            if not part.endswith(b'\r\n'):
                raise Lost('end of the connection')
            text += part
            if not part.endswith(b'}\r\n'):
                return text
            size = int(part[part.rindex(b'{') + 1:-3])
            literal = self.file.read(size)
            if len(literal) < size:
                raise Lost('cut literal')
            text += literal

    def command(self, text, literal=None):
        """(what follows the tag, untagged lines)"""
        self.n += 1
        tag = f't{self.n}'.encode()
        start = time.monotonic()
        self.sock.sendall(tag + b' ' + text.encode() +
                          (b' {%d}\r\n' % len(literal)
                           if literal is not None else b'\r\n'))
        untagged = []
        while True:
            line = self.line()
            if line.startswith(b'+') and literal is not None:
                self.sock.sendall(literal + b'\r\n')
                literal = None
                continue
            if line.startswith(tag + b' '):
                break
            if line.startswith(b'* BYE'):
                raise Lost('BYE')
            untagged.append(line)
        verb = text.split()[1 if text.startswith('UID ') else 0]
        self.journal.wait('imap ' + verb, time.monotonic() - start)
        answer = line[len(tag) + 1:]
        if answer.startswith(b'BAD'):
            self.journal.violation('BAD', f'{text[:80]}: {answer!r}')
        elif answer.startswith(b'NO'):
            self.journal.count('imap NO')
        return answer, untagged


def text_of(fetched):
    """The octets of the literal in a FETCH answer."""
    start = fetched.index(b'}\r\n') + 3
    size = int(fetched[fetched.rindex(b'{', 0, start) + 1:start - 3])
    return fetched[start:start + size]


class Owner(threading.Thread):
    """Random commands on its own folders, with a model of them."""

    def __init__(self, journal, clock, port, user, seed):
        super().__init__(daemon=True, name=user)
        self.journal = journal
        self.clock = clock
        self.port = port
        self.user = user
        self.random = random.Random(seed)
        self.low = collections.Counter()     # (folder, name)
        self.high = collections.Counter()
        self.all_low = collections.Counter()  # name, in all folders
        self.all_high = collections.Counter()
        self.flagged = set()     # (folder, name) that must have \Flagged
        self.sizes = {}
        self.n = 0
        self.session = None

    def run(self):
        while self.clock.runs():
            try:
                self.work()
            except (OSError, Lost):
                self.journal.count('imap connection lost')
                self.clock.sleep(0.1)
            finally:
                if self.session:
                    self.session.close()
                    self.session = None

    def work(self):
        self.session = Session(self.journal, self.port,
                               self.user + '@example.org')
        for folder in FOLDERS[1:]:
            self.session.command('CREATE ' + folder)
        for folder in FOLDERS:
            self.look(folder)
        for _ in range(self.random.randrange(10, 60)):
            if not self.clock.runs():
                break
            self.step()
            self.clock.sleep(self.random.uniform(0, 0.05))

    # --- what is there ------------------------------------------------------

    def contents(self, folder):
        """{uid: name} of the folder that is selected now; None: not heard."""
        answer, _ = self.session.command(f'SELECT {folder}')
        if not answer.startswith(b'OK'):
            return None
        answer, lines = self.session.command(
            'UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
        if not answer.startswith(b'OK'):
            return None
        found = {}
        self.flags = {}
        for line in lines:
            uid, subject = UID.search(line), SUBJECT.search(b'\r\n' + line)
            if uid and b'FETCH (' in line:
                subject = re.search(rb'Subject: (\S+)', line)
                found[int(uid.group(1))] = subject.group(1).decode()
                self.flags[int(uid.group(1))] = b'\\Flagged' in line
        return found

    def look(self, folder):
        """Holds a folder against the model."""
        found = self.contents(folder)
        if found is None:
            return None
        counts = collections.Counter(found.values())
        for name in {n for f, n in self.low if f == folder} | set(counts):
            low, high = self.low[folder, name], self.high[folder, name]
            if not low <= counts[name] <= high:
                self.journal.violation(
                    'model', f'{self.user} {folder}: {name} is there '
                    f'{counts[name]} times, not {low} to {high}')
                self.low[folder, name] = self.high[folder, name] = \
                    counts[name]
        for uid, name in found.items():
            if (folder, name) in self.flagged and counts[name] == 1 and \
                    not self.flags[uid]:
                self.journal.violation(
                    'model', f'{self.user} {folder}: {name} lost a flag')
                self.flagged.discard((folder, name))
        return found

    def read_all(self):
        """At the end: every octet, and that no message is in two folders
        after a MOVE."""
        total = collections.Counter()
        for folder in FOLDERS:
            found = self.look(folder)
            if found is None:
                self.journal.violation('model', f'{folder} cannot be read')
                continue
            total.update(found.values())
            for uid, name in found.items():
                self.check_octets(uid, name)
        for name in set(total) | set(self.all_low):
            if not self.all_low[name] <= total[name] <= self.all_high[name]:
                self.journal.violation(
                    'model', f'{self.user}: {name} is there {total[name]} '
                    f'times in all, not {self.all_low[name]} to '
                    f'{self.all_high[name]}')

    def check_octets(self, uid, name):
        answer, lines = self.session.command(
            f'UID FETCH {uid} (BODY.PEEK[TEXT])')
        lines = [x for x in lines if b'BODY[TEXT]' in x]
        if not answer.startswith(b'OK') or not lines:
            self.journal.violation(
                'octets', f'{self.user} {name}: {answer!r}')
        elif digest(text_of(lines[0])) != digest(
                body_of(name, self.sizes[name])):
            self.journal.violation('octets', f'{self.user} {name} differs')

    # --- changes -------------------------------------------------------------

    def change(self, deltas, command, literal=None):
        """Runs a command that changes how often messages are in folders:
        deltas [(name, folder, n)]. Until it is heard of, either is
        possible."""
        totals = collections.Counter()
        for name, folder, n in deltas:
            totals[name] += n
            self.low[folder, name] += min(n, 0)
            self.high[folder, name] += max(n, 0)
        for name, n in totals.items():
            self.all_low[name] += min(n, 0)
            self.all_high[name] += max(n, 0)
        answer, lines = self.session.command(command, literal)
        heard = answer + b''.join(lines)
        # A command before it may have taken the message away meanwhile.
        done = any(word in heard for word in (b'APPENDUID', b'COPYUID'))
        gone = heard.count(b' EXPUNGE\r\n')
        if answer.startswith(b'OK') and (
                done or gone == len(deltas) and gone > 0):
            self.journal.count('imap changes')
            for name, folder, n in deltas:
                self.low[folder, name] += max(n, 0)
                self.high[folder, name] += min(n, 0)
            for name, n in totals.items():
                self.all_low[name] += max(n, 0)
                self.all_high[name] += min(n, 0)

    def step(self):
        kind = self.random.choices(
            ['append', 'copy', 'move', 'expunge', 'flag', 'read', 'replace',
             'rename'], [25, 15, 15, 15, 10, 15, 10, 5])[0]
        if kind == 'append':
            return self.append()
        if kind == 'rename':
            return self.rename()
        folder = self.random.choice(FOLDERS)
        found = self.contents(folder)
        if found:
            uid = self.random.choice(list(found))
            getattr(self, kind)(folder, uid, found[uid], found)
        return None

    def new(self):
        self.n += 1
        name = f'{self.user}-{self.n}'
        self.sizes[name] = self.random.choice([50, 3000, 70000, 1200000]
                                              if self.n % 9 == 0 else [900])
        return name, b'Subject: %s\r\n\r\n%s' % (
            name.encode(), body_of(name, self.sizes[name]))

    def append(self):
        name, text = self.new()
        folder = self.random.choice(FOLDERS)
        self.change([(name, folder, 1)], f'APPEND {folder}', text)

    def copy(self, folder, uid, name, found):
        to = self.random.choice(FOLDERS)
        self.flagged.discard((to, name))
        self.change([(name, to, 1)], f'UID COPY {uid} {to}')

    def move(self, folder, uid, name, found):
        to = self.random.choice([f for f in FOLDERS if f != folder])
        self.flagged -= {(to, name), (folder, name)}
        self.change([(name, folder, -1), (name, to, 1)],
                    f'UID MOVE {uid} {to}')

    def expunge(self, folder, uid, name, found):
        """One, or all of that name, which share their octets with copies
        elsewhere, or some."""
        uids = self.random.choice([
            [uid], [u for u in found if found[u] == name],
            self.random.sample(list(found), min(3, len(found)))])
        for u in uids:
            self.flagged.discard((folder, found[u]))
        numbers = ','.join(map(str, uids))
        answer, _ = self.session.command(
            f'UID STORE {numbers} +FLAGS.SILENT (\\Deleted)')
        if answer.startswith(b'OK'):
            self.change([(found[u], folder, -1) for u in uids],
                        f'UID EXPUNGE {numbers}')

    def flag(self, folder, uid, name, found):
        answer, _ = self.session.command(
            f'UID STORE {uid} +FLAGS (\\Flagged)')
        if answer.startswith(b'OK') and list(found.values()).count(name) == 1:
            self.flagged.add((folder, name))

    def read(self, folder, uid, name, found):
        self.check_octets_if_heard(uid, name)

    def check_octets_if_heard(self, uid, name):
        answer, lines = self.session.command(
            f'UID FETCH {uid} (BODY.PEEK[TEXT])')
        lines = [x for x in lines if b'BODY[TEXT]' in x]
        if answer.startswith(b'OK') and lines and digest(
                text_of(lines[0])) != digest(
                    body_of(name, self.sizes[name])):
            self.journal.violation('octets', f'{self.user} {name} differs')

    def replace(self, folder, uid, name, found):
        """The new one comes and the old one goes, or neither."""
        new, text = self.new()
        self.flagged.discard((folder, name))
        self.change([(name, folder, -1), (new, folder, 1)],
                    f'UID REPLACE {uid} {folder}', text)

    def rename(self):
        """A folder of its own, made, renamed, seen, removed."""
        self.n += 1
        old, new = f'Tmp{self.n}', f'New{self.n}'
        for command, there in ((f'CREATE {old}', old),
                               (f'RENAME {old} {new}', new)):
            answer, _ = self.session.command(command)
            if not answer.startswith(b'OK'):
                return
            answer, lines = self.session.command(f'LIST "" {there}')
            if answer.startswith(b'OK') and not any(
                    there.encode() in x for x in lines):
                self.journal.violation(
                    'model', f'{self.user}: {command} was OK, {there} is '
                    'not listed')
        self.session.command(f'DELETE {new}')


class Reader(threading.Thread):
    """A synchroniser: what it once saw stays, and new uids are greater."""

    def __init__(self, journal, clock, port, users, seed):
        super().__init__(daemon=True, name=f'reader{seed}')
        self.journal = journal
        self.clock = clock
        self.port = port
        self.users = users
        self.random = random.Random(seed)
        self.seen = {u: {} for u in users}
        self.numbers = {u: (0, 0, 0) for u in users}

    def run(self):
        while self.clock.runs():
            user = self.random.choice(self.users)
            session = None
            try:
                session = Session(self.journal, self.port,
                                  user + '@example.org')
                for _ in range(self.random.choice([1, 1, 4])):
                    self.poll(session, user)
            except (OSError, Lost):
                self.clock.sleep(0.1)
            finally:
                if session:
                    session.close()
            self.clock.sleep(0.1)

    def poll(self, session, user):
        answer, lines = session.command('EXAMINE INBOX')
        if not answer.startswith(b'OK'):
            return
        text = b''.join(lines)
        now = tuple(int(re.search(rb'\[' + word + rb' (\d+)', text).group(1))
                    for word in (b'UIDVALIDITY', b'UIDNEXT',
                                 b'HIGHESTMODSEQ'))
        before = self.numbers[user]
        if any(b < a for a, b in zip(before, now)) or \
                before[0] not in (0, now[0]):
            self.journal.violation(
                'past', f'{user}: UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ were '
                f'{before}, are {now}')
        answer, lines = session.command(
            'UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
        if not answer.startswith(b'OK'):
            return
        found = {}
        for line in lines:
            uid = UID.search(line)
            subject = re.search(rb'Subject: (.*)\r\n', line)
            if uid and b'FETCH (' in line:
                found[int(uid.group(1))] = subject and subject.group(1)
        self.compare(user, before, found)
        self.seen[user] = found
        self.numbers[user] = max(before, now)
        self.journal.count('polls')

    def compare(self, user, before, found):
        old = self.seen[user]
        for uid in old:
            if uid not in found:
                self.journal.violation('past', f'{user}: uid {uid} is gone')
            elif found[uid] != old[uid]:
                self.journal.violation(
                    'uids', f'{user}: uid {uid} was {old[uid]}, is '
                    f'{found[uid]}')
        for uid in set(found) - set(old):
            if uid < before[1]:
                self.journal.violation(
                    'uids', f'{user}: uid {uid} came late, UIDNEXT was '
                    f'{before[1]}')
