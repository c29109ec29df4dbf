"""Debian's dovecot-imapd beside our server: on a free port of loopback, with
a configuration, users and mail in a folder of its own, ended by its pid.

An installed one is used as it is. Else its two packages are unpacked
(installing them would start a server on port 143), and since its programs
look for their modules in /usr/lib/dovecot/modules alone, a copy of
libdovecot.so gets our folder's path in that place.
"""
import grp
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import harness

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
MODULES = b'/usr/lib/dovecot/modules'

CONFIG = '''
base_dir = {folder}/run
state_dir = {folder}/state
libexec_dir = {libexec}
mail_plugin_dir = {libexec}/modules
login_plugin_dir = {libexec}/modules/login
import_environment = TZ=UTC LD_LIBRARY_PATH
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_verbose_passwords = no
auth_failure_delay = 0
log_path = {folder}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {login_user}
default_process_limit = 400
default_client_limit = 4000
mail_max_userip_connections = 400
first_valid_uid = 1
first_valid_gid = 1
mail_location = {mail}
mail_save_crlf = {crlf}
mailbox_list_index = yes
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = passwd-file
  args = {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  {login}
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  {imap}
}}
'''


def unpack(package):
    done = subprocess.run([ROOT + '/tools/setup', 'unpack', package],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout.decode().strip()


class Dovecot:
    """reuse: its processes serve many logins one after the other (what
    Dovecot's manual calls high-performance mode). crlf: mail is kept with
    CRLF, so that a bare CR in it stays what it is."""

    def __init__(self, passwords, mail='maildir:~/Maildir', reuse=False,
                 crlf=False):
        """passwords: address -> hash with its scheme in braces."""
        self.folder = tempfile.mkdtemp(prefix='m3d-')
        self.port = harness.free_port()
        self.env = dict(os.environ)
        self.process = None
        try:
            self.find()
            self.configure(passwords, mail, reuse, crlf)
            self.start()
        except BaseException:
            self.close()
            raise

    def find(self):
        self.sbin, self.bin = '/usr/sbin', '/usr/bin'
        self.libexec = '/usr/lib/dovecot'
        if os.path.exists('/usr/lib/dovecot/imap-login'):
            return
        core, imapd = unpack('dovecot-core'), unpack('dovecot-imapd')
        self.sbin, self.bin = core + '/usr/sbin', core + '/usr/bin'
        self.libexec = self.folder + '/lib'
        os.mkdir(self.libexec)
        for source in (core, imapd):
            source += '/usr/lib/dovecot/'
            for name in os.listdir(source):
                if name != 'libdovecot.so.0' and \
                        not os.path.lexists(f'{self.libexec}/{name}'):
                    os.symlink(source + name, f'{self.libexec}/{name}')
        self.env['LD_LIBRARY_PATH'] = \
            f'{self.libexec}:{self.libexec}/modules/old-stats'
        self.patch(core + '/usr/lib/dovecot/libdovecot.so.0')

    def patch(self, library):
        modules = os.fsencode(self.folder)
        if len(modules) > len(MODULES):
            raise RuntimeError(f'{self.folder}: too long for a path')
        with open(library, 'rb') as f:
            octets = f.read()
        with open(self.libexec + '/libdovecot.so.0', 'wb') as f:
            f.write(octets.replace(MODULES + b'\0', modules.ljust(
                len(MODULES) + 1, b'\0')))
        for name in os.listdir(self.libexec + '/modules'):
            if name.startswith('libssl'):
                os.symlink(f'{self.libexec}/modules/{name}',
                           f'{self.folder}/{name}')

    def configure(self, passwords, mail, reuse, crlf):
        if os.getuid() == 0:
            user, group, login_user = 'nobody', 'nogroup', 'daemon'
        else:
            user = login_user = pwd.getpwuid(os.getuid()).pw_name
            group = grp.getgrgid(os.getgid()).gr_name
        for name in ('run', 'state', 'mail'):
            os.mkdir(f'{self.folder}/{name}')
        with open(self.folder + '/passwd', 'w') as f:
            for address, secret in passwords.items():
                f.write(f'{address}:{secret}\n')
        with open(self.folder + '/dovecot.conf', 'w') as f:
            f.write(CONFIG.format(
                folder=self.folder, libexec=self.libexec, user=user,
                group=group, login_user=login_user, mail=mail,
                port=self.port, crlf='yes' if crlf else 'no',
                login='service_count = 0' if reuse else '',
                imap='service_count = 256\n  process_min_avail = 2'
                if reuse else ''))
        if os.getuid() == 0:
            ids = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
            os.chmod(self.folder, 0o755)
            os.chown(self.folder + '/mail', *ids)

    def start(self):
        config = self.folder + '/dovecot.conf'
        self.process = subprocess.Popen(
            [self.bin + '/doveconf', '-f', 'service=master', '-c', config,
             '-m', 'master', '-e', self.sbin + '/dovecot', '-F', '-c',
             config], env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True)
        harness.wait_for(
            lambda: harness.System.is_listening(self.port) or
            self.process.poll() is not None, 30, 'Dovecot')
        if self.process.poll() is not None:
            raise RuntimeError(self.process.stderr.read().decode() +
                               self.log())

    def log(self):
        path = self.folder + '/log'
        if not os.path.exists(path):
            return ''
        with open(path, errors='replace') as f:
            return f.read()

    def pids(self, name):
        """Of its processes called `name`, by their parent."""
        return harness.children(self.process.pid, name)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process:
            self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)
