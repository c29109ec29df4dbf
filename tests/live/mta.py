"""Real mail systems of others for the tests: Debian's Postfix, exim and
OpenSMTPD, which cannot be installed side by side. Their files come from
`tools/setup unpack`; each runs in mount and process namespaces of its own,
where /etc/passwd knows its users and /run, /var/lib and /var/spool are its
own. When the first process of the namespace dies, so do the others.

Each listens twice, with STARTTLS offered and without it, and relays by the
domain of the recipient, `routes`: {domain: (port, TLS)}."""
import os
import shutil
import signal
import subprocess
import tempfile

from harness import System, free_port, unpacked, wait_for
from test_tls import make_certificate

USERS = ('postfix', 'postdrop', 'opensmtpd', 'opensmtpq', 'Debian-exim')
FIRST_ID = 61101
INSIDE = '''set -e
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
for d in /run /var/lib /var/spool; do mount -t tmpfs tmpfs "$d"; done
mkdir -p /var/lib/opensmtpd/empty
shift
exec "$@"
'''


class Mta:
    package = None
    hostname = None
    can_tls = True
    has_dsn = True      # its reports are those of RFC 3464

    def __init__(self, routes):
        if os.getuid() != 0:
            raise AssertionError('other mail systems need root, for users '
                                 'and a mount namespace of their own')
        self.files = unpacked(self.package)
        self.routes = routes
        self.folder = tempfile.mkdtemp(prefix='m3t-mta-')
        os.chmod(self.folder, 0o711)
        self.port = free_port()
        self.tls_port = free_port()
        self.process = None
        try:
            make_certificate(self.folder, 'tls', self.hostname)
            self.write_users()
            self.configure()
            self.start()
        except BaseException:
            self.close()
            raise

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)
        os.chmod(self.path(name), 0o644)
        return self.path(name)

    def write_users(self):
        with open('/etc/passwd') as f:
            passwd = f.read()
        with open('/etc/group') as f:
            group = f.read()
        for n, user in enumerate(USERS, FIRST_ID):
            passwd += f'{user}:x:{n}:{n}::/nonexistent:/usr/sbin/nologin\n'
            group += f'{user}:x:{n}:\n'
        # The first line of a name counts: ours.
        self.write('passwd', self.ours_first(passwd))
        self.write('group', self.ours_first(group))

    @staticmethod
    def ours_first(text):
        lines = text.splitlines(True)
        return ''.join(lines[-len(USERS):] + lines[:-len(USERS)])

    @staticmethod
    def uid(user):
        return FIRST_ID + USERS.index(user)

    def start(self):
        with open(self.path('out'), 'wb') as out:
            self.process = subprocess.Popen(
                ['unshare', '--mount', '--propagation=private', '--pid',
                 '--fork', '--kill-child', '--mount-proc', 'sh', '-c',
                 INSIDE, 'sh', self.folder, *self.command()],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
                env=dict(os.environ, **self.environment()))
        for port in (self.port, self.tls_port):
            wait_for(lambda: System.is_listening(port) or
                     self.process.poll() is not None, 30, self.package)
        if self.process.poll() is not None:
            raise AssertionError(f'{self.package} did not start (as root, '
                                 'with namespaces?):\n' + self.logs())

    def environment(self):
        return {}

    def logs(self):
        text = ''
        for name in ('out', 'log', 'log/mainlog', 'log/paniclog'):
            if os.path.isfile(self.path(name)):
                with open(self.path(name), errors='replace') as f:
                    text += f.read()
        return text

    def close(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postfix(Mta):
    package = 'postfix'
    hostname = 'postfix.example'
    MASTER = '''127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd
  -o smtpd_tls_security_level=may
plain unix - - n - - smtp
  -o smtp_tls_security_level=none
tls unix - - n - - smtp
  -o smtp_tls_security_level=encrypt
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
'''
    MAIN = '''compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
daemon_directory = {files}/usr/lib/postfix/sbin
command_directory = {files}/usr/sbin
shlib_directory = {files}/usr/lib/postfix
meta_directory = {folder}
mail_owner = postfix
setgid_group = postdrop
import_environment = LD_LIBRARY_PATH MAIL_CONFIG
export_environment = LD_LIBRARY_PATH MAIL_CONFIG
maillog_file = {folder}/log
maillog_file_prefixes = /
myhostname = {hostname}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_address_preference = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
smtpd_tls_cert_file = {folder}/tls.pem
smtpd_tls_key_file = {folder}/tls.key
smtpd_tls_received_header = yes
relay_domains = {domains}
transport_maps = inline:{{ {transports} }}
'''

    def configure(self):
        transports = ', '.join(
            '{ %s = %s:[127.0.0.1]:%d }' % (
                domain, tls if isinstance(tls, str) else
                'tls' if tls else 'plain', port)
            for domain, (port, tls) in self.routes.items())
        self.write('main.cf', self.MAIN.format(
            domains=' '.join(self.routes), transports=transports,
            **vars(self), hostname=self.hostname))
        self.write('master.cf', self.MASTER.format(**vars(self)))
        owner, drop = self.uid('postfix'), self.uid('postdrop')
        # As post-install(1) makes them.
        for name, uid, gid, mode in (
                ('spool', 0, 0, 0o755), ('spool/pid', 0, 0, 0o755),
                ('data', owner, owner, 0o700),
                ('spool/maildrop', owner, drop, 0o730),
                ('spool/public', owner, drop, 0o710)) + tuple(
                ('spool/' + x, owner, 0, 0o700) for x in (
                    'active', 'bounce', 'corrupt', 'defer', 'deferred',
                    'flush', 'hold', 'incoming', 'private', 'saved',
                    'trace')):
            os.mkdir(self.path(name))
            os.chown(self.path(name), uid, gid)
            os.chmod(self.path(name), mode)

    def environment(self):
        return {'LD_LIBRARY_PATH': self.files + '/usr/lib/postfix',
                'MAIL_CONFIG': self.folder}

    def command(self):
        # -i: as the first process of a namespace.
        return [self.files + '/usr/lib/postfix/sbin/master', '-i', '-c',
                self.folder]


class Exim(Mta):
    package = 'exim4-daemon-light'
    hostname = 'exim.example'
    CONF = '''primary_hostname = {hostname}
exim_path = {folder}/exim
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/pid
local_interfaces = <; 127.0.0.1.{port} ; 127.0.0.1.{tls_port}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{tls_port}}}{{*}}}}
tls_certificate = {folder}/tls.pem
tls_privatekey = {folder}/tls.key
deliver_drop_privilege
never_users =
keep_environment =
acl_smtp_rcpt = take
domainlist ours = {domains}
begin acl
take:
  accept domains = +ours
begin routers
{routers}
begin transports
plain:
  driver = smtp
  port = ${{extract{{$domain}}{{{ports}}}}}
  hosts_avoid_tls = *
tls:
  driver = smtp
  port = ${{extract{{$domain}}{{{ports}}}}}
  hosts_require_tls = *
begin retry
* * F,1h,1s
'''
    ROUTER = '''to_{n}:
  driver = manualroute
  domains = {domain}
  route_list = * 127.0.0.1
  self = send
  transport = {transport}
'''

    def configure(self):
        routers = ''.join(self.ROUTER.format(
            n=n, domain=domain, transport='tls' if tls else 'plain')
            for n, (domain, (_, tls)) in enumerate(self.routes.items()))
        self.write('conf', self.CONF.format(
            domains=' : '.join(self.routes), routers=routers,
            ports=' '.join(f'{d}={p}' for d, (p, _) in self.routes.items()),
            **vars(self), hostname=self.hostname))
        uid = self.uid('Debian-exim')
        os.chown(self.path('conf'), 0, uid)
        os.chmod(self.path('conf'), 0o640)
        for name in ('spool', 'log'):
            os.mkdir(self.path(name), 0o750)
            os.chown(self.path(name), uid, uid)
        for name in ('tls.pem', 'tls.key'):
            os.chown(self.path(name), uid, uid)
        # It runs itself again as its user, who may not see our home.
        shutil.copy(self.files + '/usr/sbin/exim4', self.path('exim'))
        os.chmod(self.path('exim'), 0o755)

    def command(self):
        return [self.path('exim'), '-C', self.path('conf'), '-bdf', '-q10s']


class OpenSmtpd(Mta):
    package = 'opensmtpd'
    hostname = 'opensmtpd.example'
    # Debian 12's offers STARTTLS, but its way to sign is not OpenSSL 3's:
    # each handshake ends in an alert (OpenSMTPD's issues 1171 and 1239).
    can_tls = False
    has_dsn = False
    CONF = '''pki us cert "{folder}/tls.pem"
pki us key "{folder}/tls.key"
listen on 127.0.0.1 port {port} hostname {hostname}
listen on 127.0.0.1 port {tls_port} hostname {hostname} tls pki us
{rules}
'''

    def configure(self):
        actions = matches = ''
        for n, (domain, (port, tls)) in enumerate(self.routes.items()):
            url = f'smtp+{"" if tls else "no"}tls://127.0.0.1:{port}'
            actions += f'action "to{n}" relay host {url}' + (
                ' tls no-verify\n' if tls else '\n')
            matches += f'match from any for domain {domain} action "to{n}"\n'
        self.write('smtpd.conf', self.CONF.format(
            rules=actions + matches, **vars(self), hostname=self.hostname))
        os.chmod(self.path('tls.key'), 0o600)

    def command(self):
        return [self.files + '/usr/sbin/smtpd', '-d', '-f',
                self.path('smtpd.conf')]
