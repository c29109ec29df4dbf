"""A real name server (nsd) for a System."""
from harness import System, free_port, wait_for

HEAD = '''$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
'''


def start_nsd(system, zones):
    """zones: {name: records}; each gets SOA and NS. The port; dns.server is
    set to it."""
    port = free_port()
    text = ''
    for name, records in zones.items():
        with open(f'{system.folder}/zone.{name}', 'w') as f:
            f.write(HEAD + records)
        text += f'zone:\n  name: "{name}"\n  zonefile: zone.{name}\n'
    with open(system.folder + '/nsd.conf', 'w') as f:
        f.write(f'''server:
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{system.folder}"
  pidfile: "{system.folder}/nsd.pid"
  xfrdfile: "{system.folder}/xfrd"
  zonelistfile: "{system.folder}/zones"
  xfrdir: "{system.folder}"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{text}''')
    system.start(['/usr/sbin/nsd', '-d', '-c', system.folder + '/nsd.conf'])
    wait_for(lambda: System.is_listening(port), what='nsd')
    system.set('dns.server', f'127.0.0.1:{port}')
    system.write_config()
    return port
