"""Answers of policy programs as Postfix takes them, several hooks at one
stage, and programs that answer by a socket."""
import os
import shutil
import socketserver
import threading
import unittest

from harness import LiveTest

SAYS = """#!/bin/sh
while read -r line; do
    [ -n "$line" ] || { echo "action=$*"; echo; }
done
"""


class Policy(socketserver.StreamRequestHandler):
    """A policy server: it refuses who calls himself bad.example."""

    def handle(self):
        request = []
        for line in self.rfile:
            if line.strip():
                request.append(line.strip())
                continue
            bad = b'helo_name=bad.example' in request
            self.wfile.write(b'action=' + (
                b'REJECT 5.7.25 you are bad' if bad else b'DUNNO') + b'\n\n')
            request = []


class Hooks(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')
        cls.says = os.path.join(cls.system.folder, 'says')
        with open(cls.says, 'w') as f:
            f.write(SAYS)
        os.chmod(cls.says, 0o755)

    def rcpt(self, *runs, hello='me.example', **fields):
        """The reply to a RCPT that these hooks see."""
        self.system.set('hooks', [
            dict(fields, run=run if '/' in run else f'{self.says} {run}',
                 at='rcpt') for run in runs])
        self.system.write_config()
        port = self.system.serve('m3mta-smtp', 'smtp')
        d = self.dialog('m3mta-smtp', port=port)
        d.reply()
        d.smtp(f'EHLO {hello}')
        d.smtp('MAIL FROM:<s@example.net>')
        return d.smtp('RCPT TO:<ann@example.org>')

    def test_an_answer_is_taken_as_postfix_takes_it(self):
        for says, want in (
                ('REJECT 5.7.23 SPF fail', '554 5.7.23 SPF fail'),
                ('reject 5.7.23', '554 5.7.23 Access denied'),
                ('REJECT 4.7.23 SPF', '554 5.7.23 SPF'),
                ('REJECT no', '554 5.7.1 no'),
                ('REJECT 5.7 no', '554 5.7.1 5.7 no'),
                ('DEFER 4.7.0 wait', '450 4.7.0 wait'),
                ('450 4.2.0 full', '450 4.2.0 full'),
                ('550 4.2.0 full', '550 5.2.0 full'),
                ('554 text', '554 5.7.1 text'),
                ('421', '421 4.7.1 Access denied'),
                ('dunno', '250 2.1.5 OK'), ('OK', '250 2.1.5 OK'),
                ('WARN 5.7.1 look', '250 2.1.5 OK')):
            with self.subTest(says=says):
                self.assertEqual(self.rcpt(says), want)

    def test_what_depends_on_the_others_waits_for_them(self):
        for says, want in (
                (['DEFER_IF_PERMIT 4.7.7 grey'], '450 4.7.7 grey'),
                (['DEFER_IF_PERMIT 4.7.7 grey', 'DUNNO'], '450 4.7.7 grey'),
                (['DEFER_IF_PERMIT grey', 'REJECT no'], '554 5.7.1 no'),
                (['DEFER_IF_REJECT later'], '250 2.1.5 OK'),
                (['DEFER_IF_REJECT later', 'DUNNO'], '250 2.1.5 OK'),
                (['DEFER_IF_REJECT 4.7.8 later', 'REJECT no'],
                 '450 4.7.8 later'),
                (['DEFER_IF_REJECT later', 'DEFER no'], '450 4.7.1 no')):
            with self.subTest(says=says):
                self.assertEqual(self.rcpt(*says), want)

    def test_the_log_says_what_a_program_answered(self):
        self.assertEqual(self.rcpt('4.7.1 no code')[:9], '451 4.3.5')
        self.assertRegex(
            self.system.logs(),
            r'event=hook-failed .*at=rcpt answer="action=4.7.1 no code\\x0a')

    @unittest.skipUnless(shutil.which('socat'), 'needs socat')
    def test_a_policy_server_on_a_socket_by_socat(self):
        with socketserver.ThreadingTCPServer(
                ('127.0.0.1', 0), Policy) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                run = '/usr/bin/socat STDIO TCP:127.0.0.1:{}'.format(
                    server.server_address[1])
                self.assertEqual(self.rcpt(run), '250 2.1.5 OK')
                self.assertEqual(self.rcpt(run, hello='bad.example'),
                                 '554 5.7.25 you are bad')
            finally:
                server.shutdown()
                thread.join()

    def test_an_address_of_spamd_that_is_none_is_refused(self):
        s = self.system
        for server, is_good in (
                ('127.0.0.1:783', True), ('127.0.0.1', True), ('::1', True),
                ('[::1]:783', True), ('[::1]', True), ('/run/spamd', True),
                ('localhost:783', False), ('nonsense', False),
                ('127.0.0.1:', False), ('127.0.0.1:0', False),
                ('127.0.0.1:99999', False), ('[::1', False),
                ('[127.0.0.1]:783', False), ('[::1]783', False)):
            with self.subTest(server=server):
                s.m3mta('config', 'set', 'smtp', 'spam.server', server,
                        code=0 if is_good else None)
                doc = s.db.config.find_one({'_id': 'smtp'}) or {}
                self.assertEqual(server in str(doc), is_good)
                done = s.run([s.binary('m3mta'), '-c', s.config, '-o',
                              f'spam.server={server}', 'config', 'check'],
                             code=None)
                self.assertEqual(done.returncode == 0, is_good, done)
                s.m3mta('config', 'set', 'smtp', 'spam.server', '')


if __name__ == '__main__':
    unittest.main()
