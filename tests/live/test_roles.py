"""What a session is follows from its own socket: one process serves sockets of
several names, one connection after the other."""
import unittest

from harness import Dialog, LiveTest, free_port, wait_for


class Roles(LiveTest):
    def serve(self, program, names, *options):
        """One parent with a socket for each name: the process, the ports."""
        ports = [free_port() for _ in names]
        argv = ['systemd-socket-activate', f'--fdname={":".join(names)}']
        for port in ports:
            argv += ['-l', f'127.0.0.1:{port}']
        process = self.system.start(argv + [
            self.system.binary(program), '-c', self.system.config, *options])
        for port in ports:
            wait_for(lambda p=port: self.system.is_listening(p),
                     what=f'port {port}')
        return process, ports

    def greeting(self, port):
        d = Dialog(self.system, None, port=port)
        self.addCleanup(d.close)
        line = d.line().decode()
        pid = d.server_pid()
        d.send('QUIT\r\n' if line[:4] == '220 ' else 'a LOGOUT\r\n')
        while d.line():
            pass
        return line, pid

    def test_each_session_of_a_child_has_the_role_of_its_socket(self):
        # What systemd calls a socket without a name is one for mail.
        _, (lmtp, smtp, unnamed) = self.serve(
            'm3mta-smtp', ['lmtp', 'smtp', 'connection'],
            '-o', 'server.spare=1', '-o', 'server.max_connections=1',
            '-o', 'server.max_use=100')
        pids = set()
        for _ in range(3):
            for port, word in ((lmtp, ' LMTP '), (smtp, ' ESMTP '),
                               (lmtp, ' LMTP '), (unnamed, ' ESMTP ')):
                line, pid = self.greeting(port)
                self.assertIn(word, line)
                pids.add(pid)
        self.assertLess(len(pids), 12)  # children were used again

    def test_a_name_that_nobody_knows_is_an_error_at_the_start(self):
        for program, names in (('m3mta-smtp', ['smtp', 'inbound']),
                               ('m3mta-smtp', ['imap']),
                               ('m3mta-imap', ['smtp'])):
            with self.subTest(names=names):
                process, ports = self.serve(program, names)
                Dialog(self.system, None, port=ports[0]).close()
                self.assertEqual(process.wait(30), 78)
                self.assertIn(f'{names[-1]} is no name of a socket here',
                              self.system.logs())

    def test_tls_without_a_certificate_is_an_error_at_the_start(self):
        for program, name in (('m3mta-smtp', 'submissions'),
                              ('m3mta-imap', 'imaps')):
            process, ports = self.serve(program, [name])
            Dialog(self.system, None, port=ports[0]).close()
            self.assertEqual(process.wait(30), 78)
            self.assertIn(f'the socket {name} needs tls.certificate',
                          self.system.logs())

    def test_an_option_says_what_sockets_of_any_name_are(self):
        _, (port,) = self.serve('m3mta-smtp', ['inbound'], '--role', 'lmtp')
        self.assertIn(' LMTP ', self.greeting(port)[0])


if __name__ == '__main__':
    unittest.main()
