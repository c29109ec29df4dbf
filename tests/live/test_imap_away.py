"""Rule 12 of the cases of IMAP: mongod is gone, frozen or killed, in every
state of a session: NO [UNAVAILABLE] or BYE soon, never a wrong EXISTS or
EXPUNGE, and nothing that was answered OK is lost; who waits (IDLE, NOTIFY)
hears nothing of it. In both process forms."""
import os
import re
import signal
import socket
import unittest

import harness
import mongo
from harness import OwnMongod, wait_for
from imap_cases import MESSAGE, CaseTest, Session

# Six seconds are promised; this machine may be slow.
PATIENCE = 15
N = 3


class Away(OwnMongod, CaseTest):
    """A mongod of its own. Each connection is a process."""
    form = 'inetd'

    def tearDown(self):
        """Each test ends with a look of its own."""

    def open(self, select=True):
        """With a map of N messages when something is selected."""
        s = Session(self, select='INBOX' if select else None)
        if select:
            self.assertEqual(s.ok('FETCH 1:* FLAGS').count(b' FETCH '), N)
        s.sock.settimeout(PATIENCE)
        return s

    def sessions(self):
        """[(what is said, a session in the state for it)]"""
        n = len(MESSAGE)
        message = f'{{{n}+}}\r\n{MESSAGE.decode()}'
        lines = {False: ['LIST "" *', 'STATUS INBOX (MESSAGES)',
                         'SELECT INBOX', 'CREATE x', 'RENAME Sent y',
                         'DELETE Junk', 'SUBSCRIBE x', 'GETQUOTAROOT INBOX',
                         'GETMETADATA INBOX (/shared/comment)',
                         'NOTIFY SET (personal (MailboxName))',
                         f'APPEND INBOX {message}'],
                 True: ['NOOP', 'CHECK', 'FETCH 1 FLAGS', 'FETCH 1 BODY[]',
                        'FETCH 1:* (ENVELOPE)', 'SEARCH ALL',
                        'SEARCH BODY body', r'STORE 1 +FLAGS (\Flagged)',
                        'COPY 1 Archive', 'MOVE 1 Archive', 'EXPUNGE',
                        'UID EXPUNGE 1:*', 'CLOSE',
                        'SORT (SUBJECT) UTF-8 ALL', 'EXAMINE Sent',
                        f'APPEND INBOX {message}']}
        return [(line, self.open(selected)) for selected in lines
                for line in lines[selected]]

    # --- what may be answered -----------------------------------------------

    def answer(self, line, s):
        """All that comes, up to the tagged answer or the end."""
        text = b''
        while True:
            try:
                got = s.line()
            except TimeoutError:
                self.fail(f'{line}: no answer within {PATIENCE} s: {text}')
            text += got
            if not got or got.startswith((b'a ', b'* BYE')):
                return text
            if got.endswith(b'}\r\n'):
                text += s.file.read(int(got[got.rindex(b'{') + 1:-3]))

    def check(self, line, text):
        self.assertNotRegex(text, rb'(?m)^\* (\d+ )?(EXPUNGE|VANISHED)', line)
        for count in re.findall(rb'(?m)^\* (\d+) EXISTS', text):
            self.assertEqual(int(count), N, line)
        last = text.rstrip(b'\r\n').split(b'\r\n')[-1]
        self.assertRegex(last, rb'^a NO \[UNAVAILABLE\]|^\* BYE|^a OK', line)
        # What the map alone can tell is told; nothing else is OK.
        if last.startswith(b'a OK'):
            self.assertIn(line.split()[0], ('FETCH', 'SEARCH', 'CLOSE'), text)
        return last.startswith(b'a NO')

    def go(self, leave):
        """Everyone asks at once, the database is gone."""
        s = Session(self)
        s.append(N, flags=r'\Seen')
        s.ok('LOGOUT')
        sessions = self.sessions()
        idle, waiting = self.open(), self.open()
        idle.idle()
        waiting.ok('NOTIFY SET (selected (MessageNew MessageExpunge))')
        connected = harness.Dialog(self.system, None, port=self.port)
        self.addCleanup(connected.close)
        connected.sock.settimeout(PATIENCE)
        connected.line()
        leave()
        for line, s in sessions:
            s.send(f'a {line}\r\n')
        connected.send(f'a LOGIN {self.address} secret\r\n')
        # A ring while the database is away: those who wait look.
        self.assertGreater(self.ring(), 1)
        alive = [s for line, s in sessions
                 if self.check(line, self.answer(line, s))]
        self.assertRegex(self.answer('LOGIN', connected),
                         rb'(?m)^(a NO \[UNAVAILABLE\]|\* BYE)')
        self.waiting = idle, waiting
        return alive

    def ring(self):
        """One octet to each doorbell of this user."""
        folder = os.path.join(self.system.folder, 'imap')
        rung = 0
        for owner in os.listdir(folder):
            for name in os.listdir(os.path.join(folder, owner)):
                with socket.socket(socket.AF_UNIX,
                                   socket.SOCK_DGRAM) as bell:
                    try:
                        bell.connect(os.path.join(folder, owner, name))
                        bell.send(b'!')
                        rung += 1
                    except OSError:
                        pass
        return rung

    def look(self, alive):
        """It is back: those who are left are right, and nothing is lost."""
        def is_back():
            try:
                s = harness.Dialog(self.system, None, port=self.port)
                s.line()
                answer = s.imap('a', f'LOGIN {self.address} secret')
                s.close()
                return b'a OK' in answer
            except OSError:
                return False
        wait_for(is_back, 60, 'the database')
        s = Session(self, select='INBOX')
        uids = re.findall(rb'UID (\d+)', s.ok('UID FETCH 1:* (UID)'))
        for t in alive:
            if t.state != 'selected':
                continue
            t.ok('NOOP')
            self.assertEqual(
                re.findall(rb'UID (\d+)', t.ok('UID FETCH 1:* (UID)')), uids)
        self.hear(s)
        self.system.verify()
        return len(uids)

    def hear(self, s):
        """Those who wait heard nothing of it, and hear of what comes."""
        s.append()
        for t in self.waiting:
            t.sock.settimeout(90)
            text = b''
            while b' EXISTS' not in text:
                line = t.line()
                self.assertRegex(line, rb'^\* (\d|FLAGS|OK)', text)
                text += line
        self.assertIn(b'i OK', self.waiting[0].done())
        self.waiting[1].ok('NOOP')
        self.assertIn('event=look', self.system.logs())

    def test_frozen(self):
        """SIGSTOP: connections stay and say nothing."""
        pid = self.server.pid
        try:
            alive = self.go(lambda: mongo.freeze(pid))
        finally:
            os.kill(pid, signal.SIGCONT)
        # Commands that were on their way may still be done: that is what
        # NO [UNAVAILABLE] leaves open. None is done twice.
        for s in alive:
            s.state = 'selected' if b'a OK' in s.imap('a', 'CHECK') else ''
        self.assertLessEqual(self.look(alive), N + 2)

    def test_killed(self):
        alive = self.go(self.kill)
        for line in ('NOOP', 'CHECK'):
            for s in alive:
                self.assertRegex(s.imap('a', line),
                                 rb'(?m)^(a (OK|NO|BAD)|\* BYE)')
        self.server.restart()
        for s in alive:
            s.state = 'selected' if b'a OK' in s.imap('a', 'CHECK') else ''
        self.assertEqual(self.look(alive), N)

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()

    def test_gone_behind_the_change(self):
        """What was done is answered OK, though nobody can tell now what
        others did: a NO would have the client do it twice."""
        Session(self).append(N, flags=r'\Seen')
        port, self.port = self.port, self.system.serve(
            'm3mta-imap', 'imap', form=self.form, fault=True,
            env={'M3MTA_FAULT': 'imap-changed:sleep:3000'})
        try:
            append, copy = self.open(), self.open()
        finally:
            self.port = port
        text = MESSAGE.decode()
        with self.bell() as bell:
            append.send(f'a APPEND Sent {{{len(text)}+}}\r\n{text}\r\n')
            copy.send('a COPY 1:2 Archive\r\n')
            # They ring when they know that it is done.
            for _ in range(2):
                self.assertEqual(bell.recv(1), b'!')
        mongo.freeze(self.server.pid)
        try:
            self.assertRegex(self.answer('APPEND', append),
                             rb'(?m)^a OK \[APPENDUID \d+ 1\]')
            self.assertRegex(self.answer('COPY', copy),
                             rb'(?m)^a OK \[COPYUID \d+ 1:2 1:2\]')
        finally:
            os.kill(self.server.pid, signal.SIGCONT)
        self.system.verify()

    def bell(self):
        """Of a session of this user that waits."""
        owner = self.system.db.mailboxes.find_one(
            {'_id': self.address})['owner']
        folder = os.path.join(self.system.folder, 'imap', str(owner))
        os.makedirs(folder, exist_ok=True)
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        bell.bind(os.path.join(folder, 'test'))
        bell.settimeout(30)
        return bell

    def test_away_at_the_start(self):
        """A connection is greeted without the database."""
        mongo.freeze(self.server.pid)
        try:
            s = harness.Dialog(self.system, None, port=self.port)
            self.addCleanup(s.close)
            s.sock.settimeout(PATIENCE)
            self.assertTrue(s.line().startswith(b'* OK'))
            self.assertIn(b'a OK', s.imap('a', 'CAPABILITY'))
            self.assertIn(b'a OK', s.imap('a', 'ID NIL'))
            self.assertIn(b'a NO [UNAVAILABLE]', s.imap(
                'a', f'LOGIN {self.address} secret'))
            self.assertIn(b'a OK', s.imap('a', 'LOGOUT'))
        finally:
            os.kill(self.server.pid, signal.SIGCONT)


class AwayOfTheListener(Away):
    """The listener that forks a child for each connection."""
    form = 'fork'


if __name__ == '__main__':
    unittest.main()
