"""The same session by four roads, and what a session leaves behind for the
next one in a reused child: nothing."""
import os
import signal
import socket
import subprocess
import time
import unittest

import harness
from harness import Dialog, LiveTest, System, binary, free_port, wait_for

TALK = ['EHLO me.example', 'MAIL FROM:<s@example.net>',
        'RCPT TO:<ann@example.org>', 'NOOP', 'RSET', 'QUIT']


class Ways(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def talk(self, dialog):
        replies = [dialog.reply()[-1]]
        replies += [dialog.smtp(line) for line in TALK]
        self.assertTrue(dialog.is_closed())
        return replies

    def test_all_roads_say_the_same(self):
        pipe = Dialog(self.system, 'm3mta-smtp')
        want = self.talk(pipe)
        self.assertEqual(pipe.close(), 0)
        self.assertEqual([r[:3] for r in want],
                         ['220', '250', '250', '250', '250', '250', '221'])
        ports = {
            'fork': self.system.serve('m3mta-smtp', 'smtp'),
            'inetd': self.system.serve('m3mta-smtp', 'smtp', form='inetd'),
            'spare': self.system.serve(
                'm3mta-smtp', 'smtp', options=[
                    '-o', 'server.spare=2', '-o', 'server.max_use=3']),
        }
        for name, port in ports.items():
            for _ in range(5):
                with self.subTest(name):
                    d = Dialog(self.system, None, port=port)
                    self.assertEqual(self.talk(d), want)
                    d.close()

    def test_stdin_stdout(self):
        script = '\r\n'.join(TALK) + '\r\n'
        done = self.system.run(
            [binary('m3mta-smtp'), '-c', self.system.config],
            data=script.encode())
        codes = [line[:3] for line in done.stdout.split(b'\r\n')
                 if line[3:4] == b' ']
        self.assertEqual(codes, [b'220', b'250', b'250', b'250', b'250',
                                 b'250', b'221'])

    def test_socat(self):
        port = free_port()
        self.system.start(
            ['socat', f'TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr',
             f'EXEC:{binary("m3mta-smtp")} -c {self.system.config}'])
        wait_for(lambda: System.is_listening(port))
        d = Dialog(self.system, None, port=port)
        self.assertEqual(len(self.talk(d)), 7)
        d.close()

    def test_tcpserver_names_the_peer(self):
        port = free_port()
        self.system.start(
            ['tcpserver', '-RHl0', '127.0.0.1', str(port),
             binary('m3mta-smtp'), '-c', self.system.config, '--ucspi'])
        wait_for(lambda: System.is_listening(port))
        d = Dialog(self.system, None, port=port)
        self.assertEqual(len(self.talk(d)), 7)
        d.close()

    def test_reused_child_forgets(self):
        """One child serves all: a login, a sender and a half command of one
        client are unknown to the next."""
        port = self.system.serve('m3mta-imap', 'imap', options=[
            '-o', 'server.max_use=10'])
        first = Dialog(self.system, None, port=port)
        first.line()
        first.imap('a', 'LOGIN ann@example.org secret')
        first.imap('b', 'ENABLE CONDSTORE')
        first.imap('c', 'SELECT INBOX')
        first.imap('d', 'LOGOUT')
        first.close()
        second = Dialog(self.system, None, port=port)
        second.line()
        self.assertIn(b'BAD', second.imap('a', 'FETCH 1 FLAGS'))
        self.assertIn(b'BAD', second.imap('b', 'LIST "" *'))
        second.close()
        port = self.system.serve('m3mta-smtp', 'smtp', options=[
            '-o', 'server.max_use=10'])
        first = Dialog(self.system, None, port=port)
        first.reply()
        for line in TALK[:3]:
            first.smtp(line)
        first.send('MAIL FROM:<half')
        first.close()
        second = Dialog(self.system, None, port=port)
        self.assertTrue(second.reply()[0].startswith('220'))
        self.assertTrue(second.smtp('RCPT TO:<ann@example.org>')
                        .startswith('503'))
        self.assertTrue(second.smtp('MAIL FROM:<a@b.c>').startswith('503'))
        second.close()

    def test_too_many_connections(self):
        port = self.system.serve('m3mta-smtp', 'smtp', options=[
            '-o', 'server.max_connections=2'])
        held = [Dialog(self.system, None, port=port) for _ in range(2)]
        for d in held:
            self.assertTrue(d.reply()[0].startswith('220'))
        third = Dialog(self.system, None, port=port)
        self.assertTrue(third.reply()[0].startswith('421'))
        third.close()
        held.pop().close()
        wait_for(lambda: self.greets(port), what='a free place')
        held.pop().close()

    def greets(self, port):
        d = Dialog(self.system, None, port=port)
        text = d.reply()
        d.close()
        return text and text[0].startswith('220')

    def test_sigterm_ends_sessions(self):
        port = self.system.serve('m3mta-smtp', 'smtp')
        server = self.system.processes[-1]
        d = Dialog(self.system, None, port=port)
        d.reply()
        d.smtp('EHLO me.example')
        server.terminate()
        self.assertTrue(d.reply()[0].startswith('421'))
        d.close()
        self.assertEqual(server.wait(10), 0)

    def test_imap_by_hand_is_preauth(self):
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        self.assertTrue(d.line().startswith(b'* PREAUTH'))
        self.assertIn(b'a OK', d.imap('a', 'SELECT INBOX'))


if __name__ == '__main__':
    unittest.main()
