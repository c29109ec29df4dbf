"""After a campaign: what was promised held against what is there."""
import collections
import email
import email.policy
import re

from imap_client import Lost, Session, text_of
from journal import digest
from smtp_client import MAILBOXES

NAME = re.compile(r'^s\d+-\d+$')
LINE = re.compile(
    r'^m3mta[a-z-]*\[\d+\]: time=\S+ event=[a-z-]+'
    r'( [a-z_]+=("[^"]*"|[^ "]*))*$')
CRASH = re.compile(r'signal=(4|6|7|8|11|31)\b')
KILLS_UNTIL_HELD = 3


class Oracle:
    def __init__(self, journal, world, remote):
        self.journal = journal
        self.world = world
        self.remote = remote
        self.copies = collections.Counter()    # (name, user)
        self.reports = collections.Counter()   # (name, recipient)
        self.sizes = collections.Counter()

    def check(self, owners):
        self.held()
        for i in range(MAILBOXES):
            self.read_mailbox(f'u{i}')
        for name, mail in list(self.journal.mail.items()):
            self.local(name, mail)
            self.reported(mail)
            self.sent(mail)
        for owner in owners:
            self.owner(owner)
        self.quotas()
        self.logs()
        self.verify()

    def bad(self, kind, text):
        self.journal.violation(kind, text)

    # --- the queue ------------------------------------------------------------

    def held(self):
        """Only what killed three workers may be held. It is released, so
        that the rest can be counted."""
        kills = sum(self.journal.faults[k]
                    for k in ('mda killed', 'worker killed',
                              'courier killed'))
        rows = [r for r in self.world.waiting()]
        for row in rows:
            if row['state'] == 'held' and kills < KILLS_UNTIL_HELD:
                self.bad('held', str(row))
            elif row['state'] == 'held':
                self.journal.count('held, after kills')
                self.world.system.m3mta('queue', 'release', row['id'])
            else:
                self.bad('stranded', str(row))

    # --- mailboxes ------------------------------------------------------------

    def read_mailbox(self, user):
        session = Session(self.journal, self.world.imap[0],
                          user + '@example.org')
        for folder in ('INBOX', 'Junk'):
            answer, _ = session.command(f'EXAMINE {folder}')
            if not answer.startswith(b'OK'):
                continue
            answer, lines = session.command('UID FETCH 1:* (UID RFC822.SIZE)')
            for line in lines:
                size = re.search(rb'RFC822.SIZE (\d+)', line)
                uid = re.search(rb'UID (\d+)', line)
                if size and uid:
                    self.sizes[user] += int(size.group(1))
                    self.read_message(session, user, uid.group(1).decode(),
                                      int(size.group(1)))
        session.close()

    def read_message(self, session, user, uid, size):
        try:
            answer, lines = session.command(f'UID FETCH {uid} BODY.PEEK[]')
        except Lost as e:
            self.bad('octets', f'{user} uid {uid}: {e}')
            raise
        lines = [x for x in lines if b'BODY[]' in x]
        if not answer.startswith(b'OK') or not lines:
            return self.bad('octets', f'{user} uid {uid}: {answer!r}')
        text = text_of(lines[0])
        if len(text) != size:
            self.bad('octets', f'{user} uid {uid}: {len(text)} octets, '
                     f'RFC822.SIZE {size}')
        head, _, body = text.partition(b'\r\n\r\n')
        found = re.search(rb'(?m)^Subject: (\S+)\r?$', head)
        name = found.group(1).decode() if found else ''
        if NAME.match(name):
            self.copies[name, user] += 1
            mail = self.journal.mail.get(name)
            if not mail or digest(body) != mail.sha:
                self.bad('octets', f'{user} uid {uid}: {name} differs')
        else:
            self.read_report(user, text)
        return None

    def read_report(self, user, text):
        message = email.message_from_bytes(text, policy=email.policy.default)
        subject = re.search(rb'(?m)^Subject: (s\d+-\d+)\r?$', text)
        whom = re.findall(rb'(?mi)^Final-Recipient: *rfc822; *(\S+?)\r?$',
                          text)
        if not subject or not whom:
            return self.bad('report', f'{user}: {message["subject"]}, no '
                            'report of a message')
        for who in whom:
            self.reports[subject.group(1).decode(), user, who.decode()] += 1
        return None

    def local(self, name, mail):
        """All of what got a 250; of what got none, nothing twice."""
        for i in range(MAILBOXES):
            user = f'u{i}'
            want, got = mail.local[user], self.copies[name, user]
            if mail.state == 'acknowledged' and got < want:
                self.bad('lost', f'{name} of {mail.at:.1f} s: {got} of '
                         f'{want} for {user}')
            elif got > want:
                self.bad('doubled', f'{name}: {got} for {user}, not {want}')
            elif mail.state == 'refused' and got:
                self.bad('doubled', f'{name} was refused, {user} has it')
        if mail.state == 'unknown' and any(
                self.copies[name, f'u{i}'] for i in range(MAILBOXES)):
            self.journal.count('there without a 250')

    def reported(self, mail):
        user = mail.sender.split('@')[0]
        for who in set(mail.bad):
            got = self.reports.pop((mail.name, user, who), 0)
            if got > 1 or got == 0 and mail.state == 'acknowledged':
                self.bad('reports', f'{mail.name}: {got} reports of {who} '
                         f'({mail.state})')

    def sent(self, mail):
        for who in mail.remote:
            times = self.remote.accepted.get((mail.name, who), [])
            if mail.state == 'acknowledged' and not times:
                self.bad('lost', f'{mail.name} never came to {who}')
            again = len(times) - self.remote.unheard[mail.name, who] - 1
            if again > 0 and not self.journal.faults:
                self.bad('doubled', f'{mail.name}: {len(times)} times to '
                         f'{who}, no fault')
            elif again > 0:
                self.journal.count('remote again, after a fault')

    # --- the rest ---------------------------------------------------------------

    def owner(self, owner):
        owner.session = Session(self.journal, self.world.imap[0],
                                owner.user + '@example.org')
        try:
            owner.read_all()
        except Lost as e:
            self.bad('octets', f'{owner.user}: {e}')
        finally:
            owner.session.close()

    def quotas(self):
        for (name, user, who), n in self.reports.items():
            self.bad('reports', f'{name}: {n} reports of {who} to {user} '
                     'that are not due')
        for i in range(MAILBOXES):
            row = self.world.system.db.mailboxes.find_one(
                {'_id': f'u{i}@example.org'})
            used = row['size']['current']
            if used != self.sizes[f'u{i}']:
                self.bad('quota', f'u{i}: {used} counted, '
                         f'{self.sizes[f"u{i}"]} there')

    def logs(self):
        for line in self.world.system.logs().split('\n'):
            if line.startswith('m3mta') and not LINE.match(line):
                self.bad('log', line[:200])
            if CRASH.search(line) or 'ssertion' in line:
                self.bad('crash', line[:200])

    def verify(self):
        s = self.world.system
        done = s.run([s.binary('m3mta'), '-c', s.config, 'verify'],
                     code=None)
        if done.returncode:
            self.bad('verify', done.stdout.decode()[-1500:] +
                     done.stderr.decode()[-500:])
