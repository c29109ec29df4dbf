"""Classes of attacks on mail systems that were real ones (the numbers are of
CVEs), each with the check that shows immunity. Those that are one line of bad
input are in test_smtp_bad_input; parsers have their fuzz targets."""
import base64
import os
import random
import re
import resource
import signal
import socket
import subprocess
import time
import unittest
import uuid

from bson import ObjectId

from fake_mta import FakeMta
from harness import Dialog, LiveTest, binary
from test_smtp_dialog import B, HELLO, MAIL, RCPT

CONTROL = re.compile(rb'[\x00-\x1f\x7f]')


class Attacks(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('remote.timeout', {'reply': '60s', 'connect': '10s'})
        s.set('limit.logins', {'source': '0', 'free': '0'})
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org')
        s.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                '--route=127.0.0.1:1')

    def fake(self, script=None, extensions=(), **how):
        fake = FakeMta(script, extensions, **how)
        self.addCleanup(fake.close)
        self.system.m3mta('domain', 'set', 'far.example',
                          f'--route=127.0.0.1:{fake.port}')
        self.system.db.limits.delete_many({})
        self.system.db.queue.delete_many({})
        return fake

    def start(self, *options):
        d = self.dialog('m3mta-smtp', *options)
        self.assertEqual(d.reply()[0][:3], '220')
        return d

    def post(self, recipient='bob@far.example', sender='ann@example.org'):
        d = self.start()
        for line in (HELLO, f'MAIL FROM:<{sender}>',
                     f'RCPT TO:<{recipient}>', 'DATA'):
            self.assertIn(d.smtp(line)[:1], '23')
        self.assertEqual(d.smtp(B + b'x\r\n.\r\n')[:3], '250')
        d.close()

    # --- smuggling out (CVE-2023-51764 to 51766, from the sender's side) ----

    @staticmethod
    def random_body(chance):
        parts = [b'\r', b'\n', b'\r\n', b'.', b'.', b'a', b'\0', b'\xff',
                 b'MAIL FROM:<evil@x.y>\r\n', b'\r\n.\r\n', b'\n.\n']
        return b''.join(chance.choices(parts, k=chance.randrange(1, 30)))

    @staticmethod
    def on_the_wire(body):
        """What a careful client makes of it, written another way."""
        lines = re.split(rb'\r\n|\r|\n', body)
        if not lines[-1]:
            lines.pop()
        return b''.join((b'.' if x[:1] == b'.' else b'') + x + b'\r\n'
                        for x in lines)

    def test_nothing_is_smuggled_out(self):
        """Messages whose lines end in every way, as they may lie in a store
        that somebody else filled. M3MTA_BODIES says how many."""
        fake = self.fake({}, ('PIPELINING', '8BITMIME'))
        self.post()
        queue = self.system.db.queue
        model = queue.find_one()
        queue.delete_many({})
        chance = random.Random(51764)
        bodies = [self.random_body(chance) for _ in range(
            int(os.environ.get('M3MTA_BODIES', '2000')))]
        documents = []
        for i, body in enumerate(bodies):
            copy = dict(model, _id=ObjectId(), blob=ObjectId(), body=body,
                        size=len(body), bucket=i % 16)
            copy['recipients'] = [dict(model['recipients'][0],
                                       address=f'r{i}@far.example')]
            documents.append(copy)
        queue.insert_many(documents)
        for _ in range(20):  # what found no room is due again in a second
            self.system.run([binary('m3mta-mda'), '-c', self.system.config,
                             '-o', 'mda.batch=500'], timeout=900)
            if queue.count_documents({}) == 0:
                break
            time.sleep(1)
        self.assertEqual([x['recipients'] for x in queue.find()], [])
        self.assertEqual(len(fake.messages), len(bodies))
        for envelope, text in fake.messages:
            number = int(re.search(rb'<r(\d+)@', envelope[0]).group(1))
            self.assertEqual(text, self.on_the_wire(bodies[number]))
        self.assertFalse([c for c in fake.commands if 'evil' in c])

    # --- the other side answers too much (NO STARTTLS, CVE-2011-0411) -------

    def still_there(self, fake, words):
        item = self.system.db.queue.find_one()
        self.assertEqual(item['recipients'][0]['state'], 'P')
        self.assertIn(words, item['recipients'][0]['text'])
        self.assertFalse([c for c in fake.commands if c[:4] == 'MAIL'])
        self.assertEqual(fake.messages, [])

    def test_octets_behind_the_starttls_reply(self):
        for extra in ('250-injected\r\n250 AUTH PLAIN', '220 again', '\0'):
            fake = self.fake({'STAR': '220 go\r\n' + extra}, ['STARTTLS'])
            self.post()
            self.system.mda()
            self.still_there(fake, 'Octets behind the STARTTLS reply')

    def test_starttls_stripped(self):
        self.system.m3mta('domain', 'set', 'far.example', '--tls=must')
        self.addCleanup(self.system.m3mta, 'domain', 'set', 'far.example',
                        '--tls=may')
        for script, extensions, words in (
                ({}, [], 'TLS is required'),
                ({'STAR': '454 4.7.0 not now'}, ['STARTTLS'], 'not now'),
                ({'STAR': '554 5.7.0 never'}, ['STARTTLS'], 'never')):
            fake = self.fake(script, extensions)
            self.post()
            self.system.mda()
            item = self.system.db.queue.find_one()
            self.assertIsNotNone(item, words)
            self.still_there(fake, words)

    # --- no shell, no program (CVE-2020-7247, CVE-2019-10149) ---------------

    def traced(self, argv, data=b''):
        """The programs that were started, by the kernel's word."""
        path = os.path.join(self.system.folder, f'trace{uuid.uuid4().hex}')
        self.system.run(['strace', '-f', '-qq', '-e',
                         'trace=execve,execveat', '-o', path, *argv],
                        data=data)
        with open(path) as f:
            return [x for x in f.read().split('\n') if 'exec' in x]

    def test_nothing_is_executed(self):
        config = self.system.config
        self.system.db.queue.delete_many({})
        script = [HELLO]
        for local in (';id', '$(id)', '`id`', '|id', '${run{id}}'):
            for rcpt in ('ann@example.org', 'postmaster'):
                script += [f'MAIL FROM:<"{local}"@example.net>',
                           f'RCPT TO:<{rcpt}>', 'DATA',
                           f'Subject: {local}', '', local, '.']
        script += [f'VRFY {local}', f'EXPN {local}', 'QUIT', '']
        started = self.traced([binary('m3mta-smtp'), '-c', config],
                              '\r\n'.join(script).encode())
        self.assertEqual(len(started), 1, started)
        self.assertEqual(self.system.db.queue.count_documents({}), 10)
        started = self.traced([binary('m3mta-mda'), '-c', config])
        self.assertEqual(len(started), 1, started)
        started = self.traced(
            [binary('m3mta-imap'), '-c', config, '--preauth',
             'ann@example.org'],
            b'a SELECT INBOX\r\nb FETCH 1:* (ENVELOPE BODY[])\r\n'
            b'c CREATE $(id)\r\nd LOGOUT\r\n')
        self.assertEqual(len(started), 1, started)

    # --- newlines into spool, headers, log (CVE-2020-28021, 8794) -----------

    def random_command(self, chance):
        octets = bytes(chance.choice(range(256)) for _ in range(
            chance.randrange(12))).replace(b'\n', b'\r')
        form = chance.choice([
            b'EHLO %s', b'HELO %s', b'MAIL FROM:<%s@example.net>',
            b'MAIL FROM:<"%s"@example.net> SMTPUTF8', b'RCPT TO:<%s>',
            b'RCPT TO:<ann+%s@example.org>', b'RCPT TO:<"%s"@example.org>',
            b'MAIL FROM:<a@example.net> ENVID=%s', b'VRFY %s', b'NOOP %s',
            b'RCPT TO:<ann@example.org> ORCPT=rfc822;%s', b'AUTH %s',
            b'MAIL FROM:<a@%s>', b'HELP %s', b'%s', b'STARTTLS %s'])
        return form % octets

    def test_no_control_characters_leave(self):
        chance = random.Random(28021)
        self.system.db.queue.delete_many({})
        d = self.start('-o', 'smtp.limit.errors=10000')
        d.smtp(HELLO)
        for _ in range(3000):
            command = self.random_command(chance)
            lines = self.ask(d, command)
            for line in lines:
                self.assertFalse(CONTROL.search(line), (command, line))
            if chance.random() < 0.05:
                d.smtp('RSET')
                d.smtp(MAIL)
            if chance.random() < 0.05 and d.smtp(
                    'DATA').startswith('354'):
                self.assertEqual(d.smtp(B + b'.\r\n')[:3], '250')
        self.check_queue()

    def ask(self, d, command):
        d.send(command + b'\r\n')
        lines = []
        while not lines or lines[-1][3:4] == b'-':
            line = d.line()
            self.assertTrue(line.endswith(b'\r\n'), (command, line))
            lines.append(line[:-2])
        return lines

    def check_queue(self):
        items = list(self.system.db.queue.find())
        self.assertGreater(len(items), 5)
        for item in items:
            texts = [item.get(k, '') for k in ('sender', 'helo', 'envid')]
            texts += [r.get(k, '') for r in item['recipients']
                      for k in ('address', 'orcpt')]
            for text in texts:
                self.assertFalse(CONTROL.search(text.encode()), text)
            head = item['body'].split(b'\r\n\tby ')[0]
            self.assertFalse(CONTROL.search(head), head)
        self.system.db.queue.delete_many({})

    def test_log_lines_are_whole(self):
        port = self.system.serve('m3mta-smtp', 'smtp')
        d = Dialog(self.system, None, port=port)
        self.addCleanup(d.close)
        d.reply()
        for text in (b'EHLO \x1b[31m', b'EHLO a\rb', b'EHLO a" b="c',
                     b'MAIL FROM:<a\\"@b>', b'AUTH \x01\x02', b'\x9b1m'):
            d.smtp(text + b'\r\n')
        d.smtp(HELLO)
        wrong = base64.b64encode(b'\0a\nevent=login name=x\0no').decode()
        d.smtp(f'AUTH PLAIN {wrong}')
        lines = self.system.logs().rstrip('\n').split('\n')
        self.assertTrue([x for x in lines if 'login-failed' in x])
        for line in lines:
            self.assertFalse(CONTROL.search(line.encode()), line)
            if line.startswith('m3mta'):
                self.assertRegex(
                    line, r'^[a-z0-9-]+\[\d+\]:( [a-z_]+=([^ "=\\]+|'
                    r'"[ !#-\[\]-~]*("|(\\x[0-9a-f]{2}[ !#-\[\]-~]*)+")))+$')

    def test_outbound_commands_are_clean(self):
        """Even when the queue holds what no parser of ours let in."""
        fake = self.fake({}, ['DSN'])
        self.post()
        self.system.db.queue.update_one({}, {'$set': {
            'sender': 'a@b>\r\nRSET\r\nMAIL FROM:<evil@x.y',
            'envid': 'x\r\nQUIT',
            'recipients.0.orcpt': 'rfc822;a\r\nQUIT'}})
        self.system.mda()
        for command in fake.commands:
            self.assertFalse(CONTROL.search(command.encode('latin-1')),
                             command)
        self.assertNotIn('RSET', [c[:4] for c in fake.commands[:3]])

    # --- secrets --------------------------------------------------------------

    def test_canary(self):
        """A password is nowhere but in the client and in the hash."""
        canary = 'cAnAry' + uuid.uuid4().hex
        s = self.system
        s.add_mailbox('canary@example.org', password=canary)
        port = s.serve('m3mta-smtp', 'smtp', options=['-v'])
        d = Dialog(s, None, port=port)
        self.addCleanup(d.close)
        d.reply()
        d.smtp(HELLO)
        d.smtp('AUTH LOGIN')
        d.smtp(base64.b64encode(b'canary@example.org').decode())
        answer = d.smtp(base64.b64encode((canary + 'x').encode()).decode())
        self.assertEqual(answer[:3], '535')
        plain = base64.b64encode(
            f'\0canary@example.org\0{canary}'.encode()).decode()
        self.assertEqual(d.smtp(f'AUTH PLAIN {plain}')[:3], '235')
        forms = [canary.encode(), plain.encode(), base64.b64encode(
            canary.encode()).rstrip(b'='), canary.encode().hex().encode()]
        for name in s.db.list_collection_names():
            for item in s.db[name].find():
                self.assert_without(forms, repr(item).encode(), name)
        self.assert_without(forms, s.logs().encode(), 'log')
        for pid in filter(str.isdigit, os.listdir('/proc')):
            for name in ('cmdline', 'environ'):
                try:
                    with open(f'/proc/{pid}/{name}', 'rb') as f:
                        self.assert_without(forms, f.read(), name)
                except OSError:
                    pass

    def assert_without(self, forms, text, where):
        for form in forms:
            self.assertNotIn(form, text, where)

    def test_no_core(self):
        """A process that is killed in the middle leaves no memory behind."""
        ours, other = socket.socketpair()
        process = subprocess.Popen(
            [binary('m3mta-smtp'), '-c', self.system.config], stdin=other,
            stdout=other, stderr=subprocess.DEVNULL, cwd=self.system.folder,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_CORE, resource.getrlimit(
                    resource.RLIMIT_CORE)))
        other.close()
        self.assertTrue(ours.recv(100).startswith(b'220'))
        process.send_signal(signal.SIGABRT)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -signal.SIGABRT
        self.assertTrue(os.WIFSIGNALED(status))
        self.assertFalse(os.WCOREDUMP(status))
        ours.close()

    # --- who exists (VRFY, timing) ----------------------------------------------

    def cpu(self, d):
        with open(f'/proc/{d.process.pid}/stat') as f:
            fields = f.read().rpartition(')')[2].split()
        return int(fields[11]) + int(fields[12])

    def test_unknown_users_cost_the_same(self):
        """By the work that is done, which a loaded machine does not change:
        a hash is computed for those that do not exist, too."""
        spent = {'ann': 0, 'nobody': 0}
        answers = set()
        d = self.start('-o', 'smtp.limit.errors=10000')
        d.smtp(HELLO)
        for _ in range(25):
            for user in spent:
                text = f'\0{user}@example.org\0wrong'.encode()
                before = self.cpu(d)
                answers.add(d.smtp('AUTH PLAIN ' + base64.b64encode(
                    text).decode()))
                spent[user] += self.cpu(d) - before
        self.assertEqual(len(answers), 1, answers)
        ratio = spent['ann'] / spent['nobody']
        self.assertTrue(0.7 < ratio < 1.4, spent)

    # --- loops and floods ---------------------------------------------------------

    def test_no_backscatter(self):
        """Mail without a sender that cannot be delivered is no bounce."""
        s = self.system
        s.db.queue.delete_many({})
        s.add_mailbox('gone@example.org')
        self.post('gone@example.org', sender='')
        s.m3mta('mailbox', 'remove', 'gone@example.org', '--yes')
        s.mda()
        items = list(s.db.queue.find())
        self.assertEqual([i for i in items if i['sender']], [])
        self.assertLessEqual(len(items), 1)  # that for the postmaster

    def test_a_hundred_at_once(self):
        """More than server.max_connections: each gets a word."""
        port = self.system.serve('m3mta-smtp', 'smtp', options=[
            '-o', 'server.max_connections=20'])
        clients = [Dialog(self.system, None, port=port)
                   for _ in range(100)]
        words = [d.line()[:3] for d in clients]
        for d in clients:
            d.close()
        self.assertEqual((words.count(b'220'), words.count(b'421')),
                         (20, 80))


if __name__ == '__main__':
    unittest.main()
