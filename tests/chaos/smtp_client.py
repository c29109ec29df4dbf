"""SMTP clients of the campaign: messages one after the other to mailboxes,
aliases, a list and another mail system; what got a 250 is in the journal."""
import random
import socket
import threading
import time

from journal import Mail, body_of

MAILBOXES = 50
ALIASES = {'al': ['u4', 'u5'], 'chain1': ['chain2'], 'chain2': ['u6'],
           'wide': [f'u{i}' for i in range(10, 30)]}
LIST = ['u0', 'u1', 'u2']
TIMEOUT = 100


def expand(name):
    if name not in ALIASES:
        return {name}
    return set().union(*(expand(x) for x in ALIASES[name]))


class Lost(Exception):
    """The connection is gone, or the answer is no good one."""


class SmtpClient(threading.Thread):
    def __init__(self, journal, clock, ports, name, seed):
        super().__init__(daemon=True, name=name)
        self.journal = journal
        self.clock = clock
        self.ports = ports
        self.random = random.Random(seed)
        self.n = 0

    def run(self):
        while self.clock.runs():
            self.n += 1
            try:
                self.session()
            except (OSError, Lost):
                self.clock.sleep(0.1)

    # --- the message ------------------------------------------------------

    def pick(self):
        r = self.random
        users = [f'u{i}' for i in range(MAILBOXES)]
        kind = r.choices(['users', 'alias', 'list', 'remote', 'bad', 'mixed'],
                         [40, 15, 10, 15, 8, 12])[0]
        some = r.sample(users, r.choice([1, 1, 1, 2, 3]))
        far = [f'r{i}@far.test' for i in r.sample(range(20), r.choice(
            [1, 2, 5]))]
        local = {'users': some, 'alias': [r.choice(list(ALIASES))] + some[:1],
                 'list': ['team'] + r.sample(LIST, r.choice([0, 1, 2])),
                 'mixed': some + [r.choice(list(ALIASES)), 'team']}
        names = [x + '@example.org' for x in local.get(kind, [])]
        if kind in ('remote', 'mixed'):
            names += far
        if kind in ('bad', 'mixed'):
            names += [f'bad{r.randrange(5)}@far.test']
        return list(dict.fromkeys(names))

    def compose(self):
        size = self.random.choices(
            [self.random.randrange(10, 6000),
             self.random.randrange(60000, 200000),
             self.random.randrange(1500000, 2600000)], [85, 13, 2])[0]
        recipients = self.pick()
        if size > 1000000:
            recipients = recipients[:2]
        mail = Mail(f'{self.name}-{self.n}',
                    f'u{self.random.randrange(MAILBOXES)}@example.org',
                    recipients, size)
        direct = set()
        for r in recipients:
            user, domain = r.split('@')
            if domain == 'example.org' and user != 'team':
                direct |= expand(user)
        mail.local.update(direct)
        if 'team@example.org' in recipients:
            mail.local.update(LIST)
        self.journal.mail[mail.name] = mail
        return mail

    # --- the session ------------------------------------------------------

    def ask(self, what, line):
        start = time.monotonic()
        if line:
            self.sock.sendall(line)
        answer = b''
        while True:
            text = self.file.readline()
            if not text.endswith(b'\n'):
                raise Lost(what)
            answer += text
            if text[3:4] != b'-':
                break
        self.journal.wait('smtp ' + what, time.monotonic() - start)
        if answer[:1] == b'5':
            self.journal.violation('permanent', f'{what}: {answer!r}')
        if answer[:1] not in (b'2', b'3'):
            self.journal.count(f'smtp {what} {answer[:3].decode()}')
            raise Lost(what)
        return answer

    def session(self):
        port = self.random.choice(self.ports)
        with socket.create_connection(('127.0.0.1', port), TIMEOUT) as sock:
            self.sock = sock
            self.file = sock.makefile('rb')
            self.ask('connect', b'')
            self.ask('EHLO', b'EHLO client.test\r\n')
            for _ in range(self.random.choice([1, 1, 3])):
                self.n += 1
                self.message(self.compose())
            sock.sendall(b'QUIT\r\n')

    def message(self, mail):
        mail.state = 'refused'
        self.journal.count('messages tried')
        self.ask('MAIL', b'MAIL FROM:<%s>\r\n' % mail.sender.encode())
        for recipient in mail.recipients:
            self.ask('RCPT', b'RCPT TO:<%s>\r\n' % recipient.encode())
        self.ask('DATA', b'DATA\r\n')
        text = body_of(mail.name, mail.size).replace(b'\n.', b'\n..')
        if text.startswith(b'.'):
            text = b'.' + text
        self.sock.sendall(
            b'Subject: %s\r\nFrom: <%s>\r\n\r\n%s' % (
                mail.name.encode(), mail.sender.encode(), text))
        mail.state = 'unknown'
        self.ask('end of data', b'.\r\n')
        mail.state = 'acknowledged'
        mail.at = self.journal.now()
        self.journal.count('messages acknowledged')
