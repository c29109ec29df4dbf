"""Many sessions in IDLE, and one message to all of their mailboxes: each
hears of it, none is ended, and nothing is asked of the database by all at
once. M3MTA_IDLE_SESSIONS and M3MTA_IDLE_MAILBOXES say how many (2000 and 50
to measure it)."""
import os
import resource
import selectors
import socket
import subprocess
import time
import unittest

from harness import LiveTest, wait_for

SESSIONS = int(os.environ.get('M3MTA_IDLE_SESSIONS', '300'))
MAILBOXES = int(os.environ.get('M3MTA_IDLE_MAILBOXES', '20'))
PATIENCE = 240


class Idle:
    """A client that waits."""

    def __init__(self, port, address):
        self.sock = socket.create_connection(('127.0.0.1', port), 60)
        self.text = b''
        self.heard = None
        self.say('a LOGIN %s secret' % address, b'a OK')
        self.say('b SELECT INBOX', b'b OK')
        self.say('c IDLE', b'+ ')
        self.text = b''

    def say(self, line, end):
        self.sock.sendall(line.encode() + b'\r\n')
        while end not in self.text:
            got = self.sock.recv(65536)
            if not got:
                raise AssertionError(f'{line}: closed: {self.text}')
            self.text += got


class ManyIdle(LiveTest):
    settings = {'server__max_connections': SESSIONS + 100,
                'imap__timeout__login': '300s'}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        secret = subprocess.run(
            ['openssl', 'passwd', '-6', '-salt', 'rounds=1000$many',
             'secret'], stdout=subprocess.PIPE, check=True)
        cls.addresses = [f'u{i}@example.org' for i in range(MAILBOXES)]
        for address in cls.addresses:
            cls.system.add_mailbox(address)
        # The usual hash costs 20 ms each time by design.
        cls.system.db.mailboxes.update_many({}, {'$set': {
            'password': secret.stdout.decode().strip()}})
        cls.port = cls.system.serve('m3mta-imap', 'imap')

    def deliver(self):
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ['EHLO a', 'MAIL FROM:<a@example.net>'] + [
                f'RCPT TO:<{a}>' for a in self.addresses]:
            self.assertRegex(d.smtp(line), '^250')
        self.assertRegex(d.smtp('DATA'), '^354')
        self.assertRegex(d.smtp('Subject: x\r\n\r\nx\r\n.'), '^250')
        d.close()
        self.system.mda()

    def listen(self, clients):
        """Seconds until each had heard, as far as they did."""
        waiting = selectors.DefaultSelector()
        for c in clients:
            waiting.register(c.sock, selectors.EVENT_READ, c)
        begin = next_look = time.monotonic()
        self.peak = 0
        while waiting.get_map() and time.monotonic() < begin + PATIENCE:
            for key, _ in waiting.select(1):
                c = key.data
                got = c.sock.recv(65536)
                c.text += got
                if not got or b' EXISTS' in c.text:
                    c.heard = time.monotonic() - begin
                    waiting.unregister(c.sock)
            if time.monotonic() >= next_look:
                self.peak = max(self.peak, self.connections())
                next_look = time.monotonic() + 0.3
        self.peak = max(self.peak, self.connections())
        return sorted(c.heard for c in clients if c.heard is not None)

    def test_all_hear_of_a_message_and_live_on(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (
            max(soft, min(hard, SESSIONS + 500)), hard))
        clients = []
        for i in range(SESSIONS):
            c = Idle(self.port, self.addresses[i % MAILBOXES])
            self.addCleanup(c.sock.close)
            clients.append(c)
        # At rest nobody holds a connection: all have to open one.
        for name in ('first', 'second'):
            wait_for(lambda: self.connections() < 60, 180, 'rest')
            self.deliver()
            times = self.listen(clients)
            ended = [c.text for c in clients
                     if b' EXISTS' not in c.text or b'BYE' in c.text]
            self.assertEqual(len(ended), 0, ended[:3])
            # They took turns: few were connected at a time.
            self.assertLess(self.peak, 60 + SESSIONS / 2)
            print(f'{SESSIONS} sessions, {name} message: heard after '
                  f'{times[0]:.2f} s, {times[len(times) // 2]:.2f} s '
                  f'(median), {times[-1]:.2f} s (the last); '
                  f'at most {self.peak} connections to mongod; '
                  f'{self.system.logs().count("event=look")} looks failed')
            for c in clients:
                c.text, c.heard = b'', None
        for c in clients:
            c.sock.settimeout(60)
            c.say('DONE', b'c OK')

    def connections(self):
        return self.system.client.admin.command('serverStatus')[
            'connections']['current']


if __name__ == '__main__':
    unittest.main()
