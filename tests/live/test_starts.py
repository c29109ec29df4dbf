"""How it is started: the configurations of etc/ with the real inetd, xinetd
and tcpserver, the run scripts, and the units with systemd's own checks."""
import glob
import os
import re
import smtplib
import subprocess
import unittest

from harness import LiveTest, System, binary, free_port, wait_for

ROOT = os.path.realpath(os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..'))


class Starts(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def example(self, name):
        with open(os.path.join(ROOT, 'etc', name)) as f:
            return f.read()

    def file(self, name, text):
        path = os.path.join(self.system.folder, name)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, 0o755)
        return path

    def send(self, port):
        """A message, and who the server thinks that we are."""
        with smtplib.SMTP('127.0.0.1', port, 'me.example') as c:
            c.sendmail('a@example.net', ['ann@example.org'],
                       'Subject: x\r\n\r\nx\r\n')
        item = self.system.db.queue.find_one(sort=[('created_at', -1)])
        self.assertTrue(item['peer'].startswith('[127.0.0.1]:'), item)
        self.assertTrue(item['sender'], 'a@example.net')

    def smtp(self):
        return f'{os.path.abspath(binary("m3mta-smtp"))}'

    def test_inetd(self):
        port = free_port()
        line = [x for x in self.example('inetd.conf').split('\n')
                if x.startswith('smtp')][0]
        line = re.sub(r'^smtp', f'127.0.0.1:{port}', line)
        line = line.replace('\tm3mta\t', '\troot\t').replace(
            '/usr/bin/m3mta-smtp', self.smtp())
        path = self.file('inetd.conf',
                         f'{line} -c {self.system.config}\n')
        self.system.start(['/usr/sbin/inetd', '-i', path])
        wait_for(lambda: System.is_listening(port), what='inetd')
        for _ in range(3):
            self.send(port)

    def test_counters_of_a_dead_process(self):
        """The driver warns of them on standard error: inetd's client."""
        line = [x for x in self.example('inetd.conf').split('\n')
                if x.startswith('smtp')][0]
        command = line.split(None, 6)[6].replace(
            '/usr/bin/m3mta-smtp', self.smtp())
        env = {k: v for k, v in os.environ.items()
               if k != 'MONGOC_DISABLE_SHM'}
        done = subprocess.run(
            ['sh', '-c', 'f=/dev/shm/mongoc-$$; touch $f; (sleep 5; rm -f $f)'
             f' >/dev/null 2>&1 & exec {command} -c {self.system.config}'],
            input=b'QUIT\r\n', stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=env, timeout=60)
        self.assertTrue(done.stdout.startswith(b'220 ') or
                        b'\n220 ' in done.stdout, done.stdout)
        self.assertNotIn(b'mongoc', done.stdout)

    def test_xinetd(self):
        folder = subprocess.run(
            [ROOT + '/tools/setup', 'unpack', 'xinetd'], check=True,
            stdout=subprocess.PIPE).stdout.decode().strip()
        port = free_port()
        text = self.example('xinetd.smtp')
        text = text.replace('user        = m3mta', 'user        = root')
        text = text.replace('/usr/bin/m3mta-smtp', self.smtp())
        text = text.replace('}', f'\ttype = UNLISTED\n\tprotocol = tcp\n'
                            f'\tport = {port}\n\tbind = 127.0.0.1\n'
                            f'\tserver_args = -c {self.system.config}\n}}')
        path = self.file('xinetd.conf', text)
        self.system.start([folder + '/usr/sbin/xinetd', '-dontfork', '-f',
                           path, '-pidfile', path + '.pid', '-syslog',
                           'mail'])
        wait_for(lambda: System.is_listening(port), what='xinetd')
        for _ in range(3):
            self.send(port)

    def test_tcpserver_script(self):
        port = free_port()
        text = self.example('tcpserver.run')
        text = text.replace('-u "$(id -u m3mta)" -g "$(id -g m3mta)"', '')
        text = text.replace(' 0 25 ', f' 127.0.0.1 {port} ')
        text = text.replace('/usr/bin/m3mta-smtp --ucspi',
                            f'{self.smtp()} --ucspi -c '
                            f'{self.system.config}')
        self.system.start([self.file('tcpserver.run', text)])
        wait_for(lambda: System.is_listening(port), what='tcpserver')
        self.send(port)

    def test_mda_script_and_cron(self):
        text = self.example('mda.run').replace(
            'chpst -u m3mta /usr/bin/m3mta-mda --loop',
            f'{os.path.abspath(binary("m3mta-mda"))} --loop -c '
            f'{self.system.config}')
        port = self.system.serve('m3mta-smtp', 'smtp')
        self.send(port)
        self.system.mda()  # as from cron
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        run = self.system.start([self.file('mda.run', text)])
        self.send(port)
        wait_for(lambda: self.system.db.queue.count_documents({}) == 0,
                 what='the loop')
        self.system.stop(run)

    def units(self):
        """Copies with the paths of this build."""
        folder = os.path.join(self.system.folder, 'units')
        os.makedirs(folder, exist_ok=True)
        bin_dir = os.path.dirname(self.smtp())
        for path in glob.glob(ROOT + '/systemd/*'):
            with open(path) as f:
                text = f.read().replace('@BINDIR@', bin_dir)
            with open(f'{folder}/{os.path.basename(path)}', 'w') as f:
                f.write(text)
        return sorted(glob.glob(folder + '/*'))

    def test_units(self):
        units = self.units()
        self.assertGreater(len(units), 10)
        done = subprocess.run(
            ['systemd-analyze', 'verify', '--man=no', *units],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(
                os.environ,
                SYSTEMD_UNIT_PATH=os.path.dirname(units[0]) + ':'))
        ours = [x for x in done.stdout.decode().split('\n')
                if 'm3mta' in x and 'Failed to' not in x]
        self.assertEqual(ours, [])
        for unit in units:
            if not unit.endswith('.service'):
                continue
            done = subprocess.run(
                ['systemd-analyze', 'security', '--offline=true',
                 '--threshold=15', '--no-pager', unit],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            with self.subTest(os.path.basename(unit)):
                self.assertEqual(done.returncode, 0,
                                 done.stdout.decode()[-300:])

    @staticmethod
    def unit_settings(unit):
        """The lines Name=value of a unit, as {name: [values]}."""
        found = {}
        with open(unit) as f:
            for line in f:
                name, sign, value = line.strip().partition('=')
                if sign and not line.startswith('#'):
                    found.setdefault(name, []).append(value)
        return found

    def test_nobody_else_reaches_what_the_units_make(self):
        """The doorbells and LMTP: owner and group, no others."""
        for unit in self.units():
            name = os.path.basename(unit)
            s = self.unit_settings(unit)
            with self.subTest(name):
                if 'RuntimeDirectory' in s:
                    self.assertEqual(s['RuntimeDirectoryMode'], ['0750'])
                for path in s.get('ListenStream', []) + \
                        s.get('ListenDatagram', []):
                    if path.startswith('/'):
                        self.assertEqual(s['SocketMode'], ['0660'])
                        self.assertEqual(s['SocketGroup'], ['m3mta'])

    def test_units_that_call_only_the_database_call_nothing_else(self):
        found = 0
        for unit in self.units():
            s = self.unit_settings(unit)
            run = s.get('ExecStart', [''])[0]
            if 'm3mta-imap' in run or run.endswith('m3mta notify'):
                found += 1
                with self.subTest(os.path.basename(unit)):
                    self.assertEqual(s['IPAddressDeny'], ['any'])
                    self.assertNotIn('any', s['IPAddressAllow'][0].split())
        self.assertGreaterEqual(found, 4)

    def setting(self, unit, key):
        with open(unit) as f:
            found = re.findall(f'^{key}=(.*)$', f.read(), re.M)
        self.assertEqual(len(found), 1, (unit, key))
        return found[0]

    def test_units_bound_each_process_and_all(self):
        """One that takes too much is ended alone."""
        services = [x for x in self.units() if x.endswith('.service')]
        self.assertGreater(len(services), 8)
        for unit in services:
            self.assertEqual(self.setting(unit, 'OOMPolicy'), 'continue')
            self.assertRegex(self.setting(unit, 'MemoryMax'), r'^\d+[%M]$')
            self.assertRegex(self.setting(unit, 'LimitDATA'), r'^\d+[MG]$')
            tasks = int(self.setting(unit, 'TasksMax'))
            with open(unit) as f:
                if 'Type=notify' in f.read():
                    self.assertGreater(tasks, 500, unit)

    def serve_limited(self, program, listener, unit):
        """A listener under the unit's limit of a process."""
        [unit] = [x for x in self.units() if x.endswith(unit)]
        data = int(self.setting(unit, 'LimitDATA')[:-1]) << 20
        port = free_port()
        self.system.start([
            'prlimit', f'--data={data}', 'systemd-socket-activate', '-l',
            f'127.0.0.1:{port}', f'--fdname={listener}',
            os.path.abspath(binary(program)), '-c', self.system.config])
        wait_for(lambda: System.is_listening(port), what=program)
        return port

    def test_sessions_fit_into_the_limits_of_their_units(self):
        self.send(self.serve_limited('m3mta-smtp', 'smtp', '/m3mta-smtp.service'))
        self.system.mda()
        client = self.system.imap(
            self.serve_limited('m3mta-imap', 'imap', '/m3mta-imap.service'),
            'ann@example.org')
        self.assertEqual(client.select()[0], 'OK')
        self.assertEqual(client.fetch('1:*', 'BODY[]')[0], 'OK')
        self.assertEqual(client.search(None, 'BODY', 'x')[0], 'OK')
        client.logout()

    def test_a_session_without_memory_ends_alone(self):
        port = self.serve_limited(
            'm3mta-imap', 'imap', '/m3mta-imap.service')
        poor, other = (self.dialog(None, port=port) for _ in range(2))
        for d in (poor, other):
            self.assertEqual(d.line()[:4], b'* OK')
            self.assertIn(b'a OK', d.imap(
                'a', 'LOGIN ann@example.org secret'))
        subprocess.run(['prlimit', f'--pid={poor.server_pid()}',
                        '--data=100000'], check=True)
        poor.send('b SEARCH ' + '()' * 30000 + '\r\n')
        poor.sock.settimeout(20)
        text = poor.file.read()
        self.assertRegex(text, rb'^(\* BYE \[LIMIT\].*\r\n)?$')
        self.assertIn(b'c OK', other.imap('c', 'NOOP'))
        self.assertIn(b'* OK', self.dialog(None, port=port).line())

    def test_socket_units_match(self):
        for unit in self.units():
            if not unit.endswith('.socket') or '-each' in unit:
                continue
            with open(unit) as f:
                text = f.read()
            self.assertTrue(os.path.exists(unit[:-6] + 'service'), unit)
            if 'ListenStream' in text:
                self.assertIn('TriggerLimitIntervalSec=0', text, unit)


if __name__ == '__main__':
    unittest.main()
