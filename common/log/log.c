/*
 * One event is gathered in one buffer and leaves in one write, so that the
 * lines of parallel processes do not mix. Values are quoted when they hold
 * anything but plain characters; control characters, quotes and backslashes
 * become \xHH: a reader finds fields by splitting at blanks and quotes.
 *
 * These are the only mutable variables of the process besides base/clock
 * and base/fault (style.md, rule 13).
 */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "log/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/rnd.h"
#include "base/banned.h"

enum { SESSION_DIGITS = 16, PEER_SIZE = 64 };

static struct {
	const char *name;
	enum log_level max;
	enum log_level level;   /* of the event that is being gathered */
	bool to_journal;
	bool to_syslog;   /* standard error is the client's socket */
	bool is_dropped;
	char session[SESSION_DIGITS];
	size_t session_len;
	char peer[PEER_SIZE];
	size_t peer_len;
	struct buf line;
} logger = { .name = "m3mta", .max = LOG_AT_INFO };

/* $JOURNAL_STREAM is "device:inode" of the journal's end (sd-daemon(3)). */
static bool
stderr_is_journal(void)
{
	struct str value = str_from_cstr(getenv("JOURNAL_STREAM"));
	struct str device = STR_NONE;
	uint64_t dev, ino;
	struct stat st;

	if (!str_split_char(&value, ':', &device))
		return false;
	return num_parse_u64(device, UINT64_MAX, &dev) &&
	    num_parse_u64(value, UINT64_MAX, &ino) &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	    st.st_ino == ino;
}

void
log_guard_stderr(const char *name)
{
	struct stat in, err;
	int fd;

	if (fstat(STDIN_FILENO, &in) != 0 ||
	    fstat(STDERR_FILENO, &err) != 0 || !S_ISSOCK(err.st_mode) ||
	    in.st_dev != err.st_dev || in.st_ino != err.st_ino)
		return;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
	openlog(name, LOG_PID | LOG_NDELAY, LOG_MAIL);
	logger.to_syslog = true;
}

void
log_complain(const char *name, const char *text)
{
	if (logger.to_syslog)
		syslog(LOG_ERR, "%s", text);
	else
		fprintf(stderr, "%s: %s\n", name, text);
}

void
log_open(const char *name, enum log_level level, bool use_journal)
{
	tzset(); /* here, so that no child reads the zone for a time stamp */
	logger.name = name;
	logger.max = level;
	logger.to_journal = use_journal && stderr_is_journal();
}

static size_t
keep(char *to, size_t size, struct str s)
{
	size_t n = s.len < size ? s.len : size;

	if (n)
		memcpy(to, s.p, n);
	return n;
}

void
log_set_session(struct str session, struct str peer)
{
	logger.session_len =
	    keep(logger.session, sizeof(logger.session), session);
	logger.peer_len = keep(logger.peer, sizeof(logger.peer), peer);
}

struct str
log_new_session(char text[16])
{
	uint8_t id[SESSION_DIGITS / 2];
	static const char digits[] = "0123456789abcdef";
	size_t i;

	rnd_fill(id, sizeof(id));
	for (i = 0; i < sizeof(id); i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	return str_make(text, SESSION_DIGITS);
}

struct str
log_session(void)
{
	return str_make(logger.session, logger.session_len);
}

static bool
needs_quotes(struct str value)
{
	size_t i;

	for (i = 0; i < value.len; i++) {
		if (!ascii_is_graph(value.p[i]) || value.p[i] == '"' ||
		    value.p[i] == '\\' || value.p[i] == '=')
			return true;
	}
	return value.len == 0;
}

static void
add_value(struct str value)
{
	size_t i;

	if (!needs_quotes(value)) {
		buf_add_str(&logger.line, value);
		return;
	}
	buf_add_char(&logger.line, '"');
	for (i = 0; i < value.len; i++) {
		char c = value.p[i];

		if (ascii_is_cntl(c) || ascii_is_8bit(c) || c == '"' ||
		    c == '\\') {
			buf_add_cstr(&logger.line, "\\x");
			buf_add_hex(&logger.line, &c, 1);
		} else {
			buf_add_char(&logger.line, c);
		}
	}
	buf_add_char(&logger.line, '"');
}

/* RFC 3339 in UTC; the journal has its own. */
static void
add_time(void)
{
	int64_t now = clock_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(&logger.line, " time=%s.%03dZ", text, (int)(now % 1000));
}

void
log_begin(enum log_level level, const char *event)
{
	logger.level = level;
	logger.is_dropped = level > logger.max;
	if (logger.is_dropped)
		return;
	buf_reset(&logger.line);
	buf_printf(&logger.line, "%s[%ld]:", logger.name, (long)getpid());
	if (!logger.to_journal && !logger.to_syslog)
		add_time();
	buf_printf(&logger.line, " event=%s", event);
	if (logger.session_len)
		log_str("session", log_session());
	if (logger.peer_len)
		log_str("peer", str_make(logger.peer, logger.peer_len));
}

void
log_str(const char *key, struct str value)
{
	if (logger.is_dropped)
		return;
	buf_printf(&logger.line, " %s=", key);
	add_value(value);
}

void
log_cstr(const char *key, const char *value)
{
	log_str(key, str_from_cstr(value));
}

void
log_num(const char *key, int64_t value)
{
	if (!logger.is_dropped)
		buf_printf(&logger.line, " %s=%lld", key, (long long)value);
}

void
log_err(const struct err *err)
{
	static const char *const names[] = {
		[RC_OK] = "ok",
		[RC_TEMP] = "temporary",
		[RC_PERM] = "permanent",
		[RC_BUG] = "bug",
	};

	log_cstr("rc", names[err->rc]);
	if (err->code[0])
		log_cstr("code", err->code);
	log_cstr("text", err->text);
}

/* Without "name[pid]: ", which journal and syslog show themselves. */
static struct str
message_of(struct str line)
{
	return str_tail(line, str_find(line, STR(": ")) + 2);
}

static void
send_to_journal(void)
{
	struct buf message = BUF_INIT;
	struct buf priority = BUF_INIT;
	struct iovec v[2];

	buf_add_cstr(&message, "MESSAGE=");
	buf_add_str(&message, message_of(buf_str(&logger.line)));
	buf_printf(&priority, "PRIORITY=%d", (int)logger.level);
	v[0] = (struct iovec){ message.p, message.len };
	v[1] = (struct iovec){ priority.p, priority.len };
	sd_journal_sendv(v, 2);
	buf_done(&message);
	buf_done(&priority);
}

void
log_end(void)
{
	ssize_t n;

	if (logger.is_dropped)
		return;
	if (logger.to_syslog) {
		struct str message = message_of(buf_str(&logger.line));

		syslog((int)logger.level, "%.*s", STR_ARG(message));
		return;
	}
	if (logger.to_journal) {
		send_to_journal();
		return;
	}
	buf_add_char(&logger.line, '\n');
	/* A log that can not be written must not stop the mail. */
	n = write(STDERR_FILENO, logger.line.p, logger.line.len);
	(void)n;
}

void
log_failure(const char *event, const struct err *err)
{
	log_begin(err->rc == RC_BUG ? LOG_AT_ERROR : LOG_AT_WARN, event);
	log_err(err);
	log_end();
}
