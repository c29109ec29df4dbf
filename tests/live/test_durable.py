"""Three members. The primary is cut off from the others while messages are at
the end of their data, and steps down by itself; the others elect a new one.
Nothing that was answered 250 is lost with what the old one alone had."""
import concurrent.futures
import signal
import unittest

import harness
import members
from harness import Dialog, System, wait_for

MESSAGES = 8
ELECTION_MS = 10000    # mongod's own


class Durable(unittest.TestCase):
    time_limit = 200

    def setUp(self):
        self.set = members.Set(election_ms=ELECTION_MS,
                               parameters=('enableTestCommands=1',))
        self.addCleanup(self.set.close)
        self.addCleanup(setattr, harness, 'URI', harness.URI)
        harness.URI = self.set.uri
        self.system = System()
        self.addCleanup(self.system.close)
        self.system.add_domain()
        self.system.add_mailbox('ann@example.org')

    def begin(self, n):
        d = Dialog(self.system, 'm3mta-smtp')
        self.addCleanup(d.close)
        d.sock.settimeout(150)
        d.reply()
        for command in ('EHLO me.example', 'MAIL FROM:<>',
                        'RCPT TO:<ann@example.org>', 'DATA'):
            self.assertIn(d.smtp(command)[:1], '23')
        d.send(f'Subject: number {n}\r\n\r\nx\r\n')
        return d

    def hold_back(self, ports):
        """They take no more of the log, and then stand still."""
        for port in ports:
            self.set.direct(port, {'configureFailPoint': 'stopReplProducer',
                                   'mode': 'alwaysOn'})

    def go_on(self, ports):
        for port in ports:
            self.set.processes[port].send_signal(signal.SIGCONT)
            self.set.direct(port, {'configureFailPoint': 'stopReplProducer',
                                   'mode': 'off'})

    def test_what_was_answered_250_is_there(self):
        dialogs = [self.begin(n) for n in range(MESSAGES)]
        old = self.set.primary_port()
        others = [p for p in self.set.ports if p != old]
        self.hold_back(others)
        for port in others:
            self.set.processes[port].send_signal(signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(MESSAGES) as pool:
            answers = [pool.submit(d.smtp, b'.\r\n') for d in dialogs]
            wait_for(lambda: not self.set.direct(
                old, 'hello')['isWritablePrimary'], 60, 'it steps down')
            # It must not go on to tell the others what it has.
            self.set.processes[old].send_signal(signal.SIGSTOP)
            self.go_on(others)
            wait_for(lambda: any(self.set.direct(p, 'hello')[
                'isWritablePrimary'] for p in others), 60, 'a new primary')
            said = [a.result()[:3] for a in answers]
        self.set.processes[old].send_signal(signal.SIGCONT)
        self.assertLessEqual(set(said), {'250', '451'})
        wait_for(lambda: self.set.primary(), 60)
        self.assertGreaterEqual(
            self.system.db.queue.count_documents({}), said.count('250'))
        self.system.verify()


if __name__ == '__main__':
    unittest.main()
