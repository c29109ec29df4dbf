/*
 * CFG(id, name, type, default, min, max, choices, scope, doc), sorted by
 * name inside each group. Included by config.h and config.c; no guard.
 */
/* clang-format off */
CFG(DATABASE_LOGINS, "database.logins", STRING, "", 0, 4096, "", FILE_ONLY,
    "Folder with the logins that m3mta init --roles wrote: m3mta-smtp, m3mta-imap, m3mta-mda, m3mta-notify (for its unit) and m3mta-admin, a line NAME:PASSWORD each. A unit's credential (database) goes before it. Empty, and no credential: who we are is what database.uri says.")
CFG(DATABASE_NAME, "database.name", STRING, "m3mta", 1, 63, "", FILE_ONLY,
    "The MongoDB database that holds everything.")
CFG(DATABASE_URI, "database.uri", URI, "mongodb://127.0.0.1:27017/?directConnection=false", 10, 4096, "", FILE_ONLY,
    "The replica set or the mongos routers to use.")
CFG(DNS_SERVER, "dns.server", STRING, "", 0, 64, "", FILE_ONLY,
    "The resolver to ask, as address or address:port; empty: that of the host.")
CFG(HOSTNAME, "hostname", STRING, "", 0, 255, "", FILE_ONLY,
    "The name in greetings and trace fields; empty: the host's own fully qualified name.")
CFG(RUNTIME_DIR, "runtime.dir", STRING, "/run/m3mta", 1, 90, "", FILE_ONLY,
    "Where the doorbells are (the socket of m3mta-mda and those of waiting IMAP sessions), the turns of those sessions (looks) and the secret by which a repeated wrong password is known (login-secret).")
CFG(TLS_CERTIFICATE, "tls.certificate", STRING, "", 0, 4096, "", FILE_ONLY,
    "File with the certificate and its chain (PEM); empty: no TLS.")
CFG(TLS_KEY, "tls.key", STRING, "", 0, 4096, "", FILE_ONLY,
    "File with the private key (PEM).")
CFG(TLS_PROTOCOLS, "tls.protocols", CHOICE, "tlsv1.2+", 0, 0, "tlsv1.2+|tlsv1.3", FILE_ONLY,
    "The lowest TLS version that is accepted.")
CFG(TLS_SNI_DIR, "tls.sni.dir", STRING, "", 0, 4096, "", FILE_ONLY,
    "Folder with NAME.pem and NAME.key for further names.")

CFG(SPARE, "server.spare", INT, "0", 0, 64, "", FILE_ONLY,
    "Children forked ahead by a listening parent, with their MongoDB connection open.")
CFG(MAX_USE, "server.max_use", INT, "1", 1, 100000, "", FILE_ONLY,
    "Connections that one child serves, one after the other.")
CFG(MAX_CONNECTIONS, "server.max_connections", INT, "500", 1, 100000, "", FILE_ONLY,
    "Children at a time of one listening parent; more get 421 or BYE.")
CFG(MAX_PER_SOURCE, "server.max_per_source", INT, "50", 1, 100000, "", FILE_ONLY,
    "Connections at a time from one address (IPv6: from one /64) to one listening parent. Loopback is not counted.")

CFG(SMTP_AUTH_PLAIN_NO_TLS, "smtp.auth.plain_no_tls", BOOL, "false", 0, 1, "", FILE_ONLY,
    "Offer AUTH PLAIN and LOGIN on a connection without TLS.")
CFG(SMTP_BODY_BARE_LF, "smtp.body.bare_lf", CHOICE, "reject", 0, 0, "reject|normalise", ANYWHERE,
    "What to do with a bare CR or LF in a message: answer 550 at its end, or make it CRLF.")
CFG(SMTP_EARLY_TALK, "smtp.early_talk.delay", DURATION, "0", 0, 60, "", FILE_ONLY,
    "How long to wait for a client that talks before the greeting; 0 looks once.")
CFG(SMTP_EXPN, "smtp.expn", BOOL, "false", 0, 1, "", ANYWHERE, "Answer EXPN.")
CFG(SMTP_HOPS, "smtp.hops.maximum", INT, "100", 50, 1000, "", ANYWHERE,
    "Received fields from which on a message is a loop.")
CFG(SMTP_LIMIT_COMMANDS, "smtp.limit.commands", INT, "10000", 10, 10000000, "", ANYWHERE,
    "Commands of one session, then 421.")
CFG(SMTP_LIMIT_DATA_RATE, "smtp.limit.data_rate", INT, "100", 0, 1000000000, "", ANYWHERE,
    "Octets a second that a message must come with, once smtp.timeout.data has passed, else 421; 0: no limit.")
CFG(SMTP_LIMIT_ERRORS, "smtp.limit.errors", INT, "20", 1, 10000, "", ANYWHERE,
    "Bad commands and unknown recipients of one session, then 421.")
CFG(SMTP_LIMIT_MESSAGES, "smtp.limit.messages", INT, "1000", 1, 10000000, "", ANYWHERE,
    "Messages of one session, then 421.")
CFG(SMTP_LIMIT_RECIPIENTS, "smtp.limit.recipients", INT, "1000", 100, 100000, "", ANYWHERE,
    "Recipients of one message.")
CFG(SMTP_RELAY_NETWORKS, "smtp.relay.networks", LIST, "", 0, 1000, "", ANYWHERE,
    "Addresses (CIDR) that may relay without a login.")
CFG(SMTP_SENDER_LOCAL, "smtp.sender.local", CHOICE, "anyone", 0, 0, "anyone|login", ANYWHERE,
    "Who may use a sender address of our domains: anyone (forwarders do), or only its owner, logged in; relay networks always.")
CFG(SMTP_SIZE_ADVERTISE, "smtp.size.advertise", BOOL, "true", 0, 1, "", FILE_ONLY, "Show SIZE and the maximum in EHLO.")
CFG(SMTP_SIZE_CHECK_DATA, "smtp.size.check_data", BOOL, "true", 0, 1, "", FILE_ONLY, "Enforce the maximum while DATA runs.")
CFG(SMTP_SIZE_CHECK_MAIL, "smtp.size.check_mail", BOOL, "true", 0, 1, "", FILE_ONLY, "Refuse a declared SIZE over the maximum at MAIL.")
CFG(SMTP_SIZE_CHECK_RCPT, "smtp.size.check_rcpt", BOOL, "true", 0, 1, "", FILE_ONLY, "Refuse at RCPT when the mailbox has no room for the declared SIZE.")
CFG(SMTP_SIZE_MAXIMUM, "smtp.size.maximum", SIZE, "64M", 65536, 2147483647, "", FILE_ONLY, "Octets of one message.")
CFG(SMTP_STARTTLS, "smtp.starttls", CHOICE, "offered", 0, 0, "off|offered|remote|required", FILE_ONLY,
    "STARTTLS: off, offered, required for remote recipients, required for all mail. Needs tls.certificate.")
CFG(SMTP_TIMEOUT_COMMAND, "smtp.timeout.command", DURATION, "5m", 1, 3600, "", FILE_ONLY, "Wait for a command.")
CFG(SMTP_TIMEOUT_DATA, "smtp.timeout.data", DURATION, "3m", 1, 3600, "", FILE_ONLY, "Wait for a block of a message.")
CFG(SMTP_TIMEOUT_SESSION, "smtp.timeout.session", DURATION, "30m", 1, 86400, "", FILE_ONLY, "The whole session.")
CFG(SMTP_VRFY, "smtp.vrfy", BOOL, "false", 0, 1, "", ANYWHERE, "Answer VRFY with what exists; else 252.")
CFG(ADDRESS_SEPARATOR, "address.separator", STRING, "+", 0, 1, "", ANYWHERE, "Between user and tag in user+tag; empty: no tags.")
CFG(QUOTA_FULL, "quota.full", CHOICE, "temporary", 0, 0, "temporary|permanent", ANYWHERE,
    "Answer for a full mailbox: 452 4.2.2 or 552 5.2.2.")

CFG(IMAP_ACL_ANYONE, "imap.acl.anyone", BOOL, "false", 0, 1, "", ANYWHERE,
    "Let users give rights to anyone, which is every user of every domain here: such folders are in everybody's lists.")
CFG(IMAP_ACL_DOMAINS, "imap.acl.domains", CHOICE, "own", 0, 0, "own|all", ANYWHERE,
    "Whom users may give rights: mailboxes of their own domain, or of all domains here, which also tells who exists there.")
CFG(IMAP_PLAIN_NO_TLS, "imap.auth.plain_no_tls", BOOL, "false", 0, 1, "", FILE_ONLY,
    "Allow LOGIN and AUTHENTICATE PLAIN without TLS.")
CFG(IMAP_APPEND_MAXIMUM, "imap.append.maximum", SIZE, "64M", 65536, 2147483647, "", ANYWHERE, "Octets of one APPEND.")
CFG(IMAP_CAPABILITIES_HIDE, "imap.capabilities.hide", LIST, "UIDONLY", 0, 1000, "", ANYWHERE,
    "Capabilities that m3mta-imap does not offer and does not let clients ENABLE: NAME for all, ADDRESS:NAME for one mailbox. UIDONLY is among them since the synchronisation of Outlook and Office 365 enables it and then asks by sequence numbers.")
CFG(IMAP_IDLE_POLL, "imap.idle.poll", DURATION, "60s", 1, 1740, "", ANYWHERE, "How often IDLE and NOTIFY look when no doorbell rings.")
CFG(IMAP_LIMIT_CPU, "imap.limit.cpu", DURATION, "60s", 1, 3600, "", ANYWHERE, "CPU time that one command may take; then it is answered NO [LIMIT].")
CFG(IMAP_NOTIFY_MAXIMUM, "imap.notify.maximum", INT, "1000", 1, 10000, "", ANYWHERE,
    "Folders of a mailbox that NOTIFY watches; with more it answers NOTIFICATIONOVERFLOW.")
CFG(IMAP_PROGRESS_INTERVAL, "imap.progress.interval", DURATION, "10s", 0, 3600, "", ANYWHERE, "How often the client of a long command is told how far it is (RFC 9585); 0 tells at each step.")
CFG(IMAP_SEARCH_INDEX, "imap.search.index", BOOL, "false", 0, 1, "", ANYWHERE,
    "Keep an index of its text with each message that comes in from now on. It makes SEARCH BODY and TEXT faster and changes no answer. For m3mta-smtp, m3mta-imap and m3mta-mda: in the file, or in the document all.")
CFG(IMAP_STARTTLS, "imap.starttls", CHOICE, "offered", 0, 0, "off|offered|required", FILE_ONLY, "STARTTLS; needs tls.certificate.")
CFG(IMAP_TIMEOUT_LOGIN, "imap.timeout.login", DURATION, "60s", 1, 3600, "", FILE_ONLY, "From the greeting to the login.")
CFG(IMAP_TIMEOUT_IDLE, "imap.timeout.idle", DURATION, "30m", 1, 86400, "", FILE_ONLY, "Autologout (RFC 3501 5.4: at least 30 minutes).")
CFG(IMAP_TIMEOUT_WRITE, "imap.timeout.write", DURATION, "60s", 1, 3600, "", FILE_ONLY, "For a client that does not read.")

CFG(LIMIT_CONNECTIONS, "limit.connections.source", RATE, "0", 0, 0, "", ANYWHERE,
    "SMTP connections of one address that reach RCPT or AUTH, over time: as 100/1h; 0: no limit. More get 421.")
CFG(LIMIT_MESSAGES_SOURCE, "limit.messages.source", RATE, "0", 0, 0, "", ANYWHERE,
    "Messages of one address that is not logged in, over time; more get 450.")
CFG(LIMIT_MESSAGES_LOGIN, "limit.messages.login", RATE, "0", 0, 0, "", ANYWHERE,
    "Messages of one login, over time; more get 450.")
CFG(LIMIT_RECIPIENTS_LOGIN, "limit.recipients.login", RATE, "0", 0, 0, "", ANYWHERE,
    "Recipients of one login, over time; more get 450.")
CFG(AUTH_SCRAM, "auth.scram", BOOL, "true", 0, 1, "", FILE_ONLY,
    "Keep SCRAM keys beside the yescrypt hash of a new password, and offer SCRAM. They are cheaper to guess from when the database is stolen.")
CFG(AUTH_LOOK, "auth.look", DURATION, "30s", 0, 60, "", ANYWHERE,
    "How old what a session knows of its own mailbox may be when it does something: it ends when that was disabled or removed, or got a new password. A session that waits looks at least once a minute.")
CFG(LIMIT_LOGINS_SOURCE, "limit.logins.source", RATE, "100/15m", 0, 0, "", ANYWHERE,
    "Failed logins of one network (/24 of IPv4, /48 of IPv6), over time; over it one is tried in each window / count and the others are refused untried, but those of users who logged in from there within 30 days. The same wrong password of a user counts once.")
CFG(LIMIT_LOGINS_USER, "limit.logins.user", RATE, "50/15m", 0, 0, "", ANYWHERE,
    "Failed logins of one user from all networks, over time; over it one is tried in each window / count and the others are refused untried. From a network from which he logged in within 30 days only the failures from there count.")
CFG(LIMIT_LOGINS_FREE, "limit.logins.free", RATE, "5/15m", 0, 0, "", ANYWHERE,
    "Failed logins of one user or network before the answers to further ones, tried or refused, are delayed; a right password that is tried is not.")
CFG(LIMIT_LOGINS_DELAY, "limit.logins.delay", DURATION, "8s", 0, 60, "", ANYWHERE,
    "The longest delay of an answer; the first is a quarter of a second, then it doubles.")
CFG(LIMIT_LOGINS_EXEMPT, "limit.logins.exempt", LIST, "", 0, 1000, "", ANYWHERE,
    "Addresses (CIDR) whose failed logins are not counted: of a webmail or proxy, which then has to limit them itself.")

CFG(EXPIRE_JUNK, "expire.junk", DURATION, "0", 0, 31536000, "", ANYWHERE,
    "Mail is removed from Junk after this time; 0: never.")
CFG(GC_AGE, "gc.age", DURATION, "1d", 0, 31536000, "", ANYWHERE,
    "m3mta-mda: what was expunged stays so long, for other sessions that still show it.")
CFG(GC_INTERVAL, "gc.interval", DURATION, "1h", 0, 31536000, "", ANYWHERE,
    "m3mta-mda --loop collects so often what nothing refers to any more, one process of all hosts; 0: never.")
CFG(EXPIRE_TRASH, "expire.trash", DURATION, "0", 0, 31536000, "", ANYWHERE,
    "Mail is removed from Trash after this time; 0: never.")
CFG(MDA_BATCH, "mda.batch", INT, "50", 1, 1000, "", ANYWHERE, "Messages of one claim.")
CFG(MDA_LEASE, "mda.lease", DURATION, "10m", 10, 86400, "", ANYWHERE, "How long a claim holds without a renewal.")
CFG(MDA_LOOP_INTERVAL, "mda.loop.interval", DURATION, "30s", 1, 3600, "", FILE_ONLY, "With --loop: between two scans when no doorbell rings.")
CFG(MDA_WORKERS, "mda.workers", INT, "1", 1, 64, "", FILE_ONLY, "Processes that deliver side by side.")
CFG(REMOTE_ALLOW_NETWORKS, "remote.allow.networks", LIST, "", 0, 1000, "", FILE_ONLY,
    "Networks (CIDR) that mail to other systems may go to although the DNS must not lead it there: this host's own addresses, loopback, link-local. A route needs no leave.")
CFG(REMOTE_CONCURRENCY, "remote.concurrency", INT, "10", 1, 1000, "", ANYWHERE,
    "Sessions at a time to one destination, over all hosts.")
CFG(REMOTE_DEAD_WAIT, "remote.dead.wait", DURATION, "5m", 1, 86400, "", ANYWHERE,
    "Between two probes of a destination that cannot be reached.")
CFG(REMOTE_PORT, "remote.port", INT, "25", 1, 65535, "", FILE_ONLY, "Port of other mail systems; for tests.")
CFG(REMOTE_ROUTE, "remote.route", STRING, "", 0, 255, "", ANYWHERE,
    "Smarthost for all mail to other systems, as host, host:port or lmtp:host:port; empty: by MX.")
CFG(REMOTE_ROUTE_LOGIN, "remote.route.login", STRING, "", 0, 255, "", ANYWHERE,
    "Name for AUTH at the smarthost; it is only sent inside TLS, unless remote.route.tls is never.")
CFG(REMOTE_ROUTE_PASSWORD, "remote.route.password", SECRET, "", 0, 255, "", ANYWHERE,
    "Password for AUTH at the smarthost; the file then should be readable by the service only.")
CFG(REMOTE_ROUTE_TLS, "remote.route.tls", CHOICE, "may", 0, 0, "may|never|must|verify", ANYWHERE,
    "STARTTLS with the smarthost: when it is offered (in clear when its handshake fails), never, required, required with a valid certificate.")
CFG(REMOTE_SESSIONS, "remote.sessions", INT, "20", 1, 1000, "", ANYWHERE,
    "Processes of one m3mta-mda that talk to other systems at a time.")
CFG(REMOTE_TIMEOUT, "remote.timeout.reply", DURATION, "5m", 1, 3600, "", ANYWHERE, "Wait for a reply of another mail system.")
CFG(REMOTE_TIMEOUT_MESSAGE, "remote.timeout.message", DURATION, "2h", 1, 86400, "", ANYWHERE, "All of one message to one destination.")
CFG(REMOTE_TIMEOUT_SHORT, "remote.timeout.short", DURATION, "30s", 1, 3600, "", ANYWHERE,
    "Wait for a reply while others wait for a session; four times as long for who answered within a day.")
CFG(REMOTE_TIMEOUT_CONNECT, "remote.timeout.connect", DURATION, "30s", 1, 300, "", ANYWHERE, "Wait for a connection.")
CFG(REPORT_SUCCESS_OUTSIDE, "report.success.outside", INT, "10", 0, 100000, "", ANYWHERE,
    "Reports of success that wait at a time for senders of one network (/24 of IPv4, /48 of IPv6) that neither log in nor may relay; more are not made.")
CFG(REPORT_TEMPLATE, "report.template", STRING, "", 0, 4096, "", FILE_ONLY,
    "File with the wording of reports; empty: the built-in one. See the example in the documentation.")
CFG(RETRY_DURATIONS, "retry.durations", RECORDS, "15m,15m,30m,2h notify,9h,12h,24h notify,48h,72h", 1, 50, "after|notify", ANYWHERE,
    "The waits between attempts, [{after, notify}]: notify sends the sender a delay notice.")
CFG(RETRY_EXPIRE, "retry.expire", DURATION, "7d", 1, 2592000, "", ANYWHERE, "Age at which undelivered mail is bounced.")
CFG(RETRY_SPREAD, "retry.spread", DURATION, "120s", 0, 3600, "", ANYWHERE, "Random part of each wait, at most.")
CFG(SPAM_SERVER, "spam.server", STRING, "", 0, 255, "", ANYWHERE,
    "SpamAssassin's spamd, as address:port or [IPv6 address]:port, or the path of its Unix socket; empty: none.")
CFG(SPAM_AT, "spam.at", CHOICE, "data", 0, 0, "data|mda", ANYWHERE,
    "When spamd is asked: at the end of DATA, where mail can still be rejected, or before the delivery.")
CFG(SPAM_SIZE, "spam.size.maximum", SIZE, "512k", 1024, 2147483647, "", ANYWHERE,
    "Bigger messages are not shown to spamd.")
CFG(SPAM_TIMEOUT, "spam.timeout", DURATION, "30s", 1, 600, "", ANYWHERE,
    "Wait for spamd; without its answer mail passes as it is.")
CFG(SPAM_JUNK, "spam.junk", SCORE, "", 0, 0, "", ANYWHERE,
    "Score from which on mail goes into Junk; empty: by the threshold of spamd.")
CFG(SPAM_REJECT, "spam.reject", SCORE, "", 0, 0, "", ANYWHERE,
    "Score from which on mail is rejected at the end of DATA; empty: never.")
CFG(FILTERS, "filters", RECORDS, "", 0, 50, "run|timeout|memory|output|fails", FILE_ONLY,
    "Programs that see each message before it is put into a mailbox, in this order; see m3mta-filter(7).")
CFG(HOOKS, "hooks", RECORDS, "", 0, 50, "run|at|timeout|fails", FILE_ONLY,
    "Programs that m3mta-smtp asks at its stages (connect, helo, mail, rcpt, data, end); see m3mta-filter(7).")
CFG(LOG_JOURNAL, "log.journal", BOOL, "true", 0, 1, "", FILE_ONLY, "Write to the journal when there is one, else to standard error.")
/* clang-format on */
