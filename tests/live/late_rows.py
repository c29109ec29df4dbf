"""What the tests of late answers and of failing commands walk: the writes of
IMAP, SMTP and the mda, each with the count of its effect."""
import re
import time
import uuid

from late import Proxy, through
from harness import Dialog

SMALL = 'Subject: s\r\n\r\n' + 'x' * 60 + '\r\n'
BIG = SMALL + ('y' * 70 + '\r\n') * 1500


def count(text, pattern):
    return len(re.findall(pattern, text))


class Imap:
    """A session by preauth; `folder` is selected."""

    def __init__(self, system, address, folder=None):
        self.n = 0
        end = time.monotonic() + 60
        while True:
            self.d = Dialog(system, 'm3mta-imap', '--preauth', address)
            self.d.sock.settimeout(150)
            greeting = self.d.line()
            if greeting.startswith(b'* PREAUTH'):
                break
            self.d.close()      # a host that is busy: as a client does
            if time.monotonic() > end:
                raise AssertionError(f'{greeting}')
        if folder:
            self.do(f'SELECT {folder}')

    def do(self, command):
        """All up to the tagged answer, or to the end of the session."""
        self.n += 1
        return self.d.imap(f't{self.n}', command).decode(
            'utf-8', 'replace')

    def verdict(self, text):
        """OK, NO, BAD, BYE or the bare end."""
        found = re.search(rf'^t{self.n} (OK|NO|BAD)(.*)$', text, re.M)
        if found:
            return found.group(1), found.group(2)
        return ('BYE', text) if '* BYE' in text else ('END', text)

    def exists(self, folder):
        found = re.search(r'MESSAGES (\d+)',
                          self.do(f'STATUS {folder} (MESSAGES)'))
        return int(found.group(1)) if found else -1

    def close(self):
        self.d.close()


def literal(text):
    return f'{{{len(text)}+}}\r\n{text}'


# name, command, how often its effect is there (asked by another session)
IMAP_ROWS = (
    ('append', f'APPEND INBOX {literal(SMALL)}',
     lambda s: s.exists('INBOX') - 3),
    ('append-big', f'APPEND INBOX {literal(BIG)}',
     lambda s: s.exists('INBOX') - 3),
    ('store', r'STORE 1 +FLAGS (\Flagged)',
     lambda s: count(s.do('EXAMINE INBOX') + s.do('FETCH 1:* FLAGS'),
                     r'FETCH \(.*\\Flagged')),
    ('expunge', 'EXPUNGE', lambda s: 3 - s.exists('INBOX')),
    ('copy', 'COPY 2 Archive', lambda s: s.exists('Archive')),
    ('move', 'MOVE 2 Archive',
     lambda s: s.exists('Archive')
     if s.exists('INBOX') + s.exists('Archive') == 3 else 99),
    ('replace', f'UID REPLACE 2 INBOX {literal(SMALL)}',
     lambda s: count(s.do('EXAMINE INBOX') + s.do('UID SEARCH ALL'),
                     r'SEARCH 1 3 4') if s.exists('INBOX') == 3 else 99),
    ('create', 'CREATE New', lambda s: count(s.do('LIST "" *'), r' "?New')),
    ('rename', 'RENAME Drafts Newer',
     lambda s: count(s.do('LIST "" *'), r' "?Newer')
     if count(s.do('LIST "" *'), r' "?(Newer|Drafts)') == 1 else 99),
    ('delete', 'DELETE Drafts',
     lambda s: 1 - count(s.do('LIST "" *'), r' "?Drafts')),
    ('subscribe', 'UNSUBSCRIBE Sent',
     lambda s: 1 - count(s.do('LSUB "" *'), r' "?Sent')),
    ('setmetadata', 'SETMETADATA INBOX (/private/comment "x")',
     lambda s: count(s.do('GETMETADATA INBOX /private/comment'), '"x"')),
    ('setacl', 'SETACL INBOX ann@example.org lr',
     lambda s: count(s.do('GETACL INBOX'), 'ann@example.org')),
)


class Row:
    """A user of its own, a proxy of its own."""

    def __init__(self, system):
        self.system = system
        self.address = f'r{uuid.uuid4().hex[:10]}@example.org'
        system.m3mta('mailbox', 'add', self.address, '--no-password')
        self.proxy = Proxy(system.settings['database']['uri'])
        self.late = through(system, self.proxy)

    def close(self):
        self.proxy.close()

    def fill(self):
        """Three messages, the first to be expunged."""
        s = Imap(self.system, self.address)
        for _ in range(3):
            verdict, text = s.verdict(s.do(f'APPEND INBOX {literal(SMALL)}'))
            if verdict != 'OK':
                raise AssertionError(f'{verdict}{text}')
        s.do('SELECT INBOX')
        s.do(r'STORE 1 +FLAGS (\Deleted)')
        s.close()

    def imap(self, row, rule):
        """(verdict, text, count of the effect)"""
        _, command, effect = row
        self.fill()
        s = Imap(self.late, self.address, 'INBOX')
        self.proxy.rule = rule
        verdict, text = s.verdict(s.do(command))
        self.proxy.rule = None
        s.d.sock.close()
        other = Imap(self.system, self.address)
        n = effect(other)
        other.close()
        return verdict, text, n

    def smtp(self, text, rule, armed=True):
        """All replies of one submission; the rule holds from DATA on."""
        d = Dialog(self.late, 'm3mta-smtp')
        d.sock.settimeout(150)
        replies = [d.reply()[-1]]
        if not armed:
            self.proxy.rule = rule
        for command in ('EHLO me.example', 'MAIL FROM:<>',
                        f'RCPT TO:<{self.address}>', 'DATA'):
            if command == 'DATA' and armed:
                self.proxy.rule = rule
            replies.append(d.smtp(command))
            if not replies[-1].startswith(('2', '3')):
                break
        if replies[-1].startswith('354'):
            d.send(text)
            replies.append(d.smtp(b'.\r\n'))
        self.proxy.rule = None
        d.sock.close()
        return replies

    def inbox(self, at_least=0):
        """What a majority has may be a moment behind."""
        end = time.monotonic() + 20
        s = Imap(self.system, self.address)
        while True:
            n = s.exists('INBOX')
            if n >= at_least or time.monotonic() > end:
                s.close()
                return n
