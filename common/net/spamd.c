/* The spamd protocol; see spamd.h. */
#include "net/spamd.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/hostport.h"
#include "base/num.h"
#include "mime/header.h"
#include "net/dial.h"
#include "net/reader.h"
#include "net/writer.h"

#include "base/banned.h"

enum { BUFFER = 16384, ANSWER_MAX = 262144, HEADERS_MAX = 65536 };

struct spamd {
	int fd;
	struct stream *stream;
	struct reader *reader;
	struct writer *writer;
	int64_t deadline_ms;
};

enum rc
spamd_open(struct str server, uint64_t size, int64_t deadline_ms,
    struct spamd **ret_spamd, struct err *err)
{
	uint16_t port = 783;
	struct spamd *s;
	enum rc rc;
	int fd;

	if (server.p[0] != '/' && !hostport_parse(server, &server, &port))
		return err_set(err, RC_TEMP, "4.3.0",
		    "spam.server is no address");
	rc = dial_connect(server, port, deadline_ms, &fd, err);
	if (rc != RC_OK)
		return rc;
	s = mem_alloc(sizeof(*s));
	s->fd = fd;
	s->stream = stream_new_fd(fd, fd);
	s->reader = reader_new(s->stream, BUFFER);
	s->writer =
	    writer_new(s->stream, BUFFER, clock_left_ms(deadline_ms));
	s->deadline_ms = deadline_ms;
	writer_printf(s->writer,
	    "HEADERS SPAMC/1.5\r\nContent-length: %llu\r\n\r\n",
	    (unsigned long long)size);
	*ret_spamd = s;
	return RC_OK;
}

bool
spamd_push(struct spamd *s, struct str piece)
{
	writer_add_str(s->writer, piece);
	return writer_error(s->writer) == IO_OK;
}

void
spamd_close(struct spamd *s)
{
	if (!s)
		return;
	writer_free(s->writer);
	reader_free(s->reader);
	stream_free(s->stream);
	close(s->fd);
	mem_free(s);
}

/* --- the answer ----------------------------------------------------------------- */

/* "True ; 15.3 / 5.0" */
static bool
parse_spam(struct str value, struct spamd_verdict *v)
{
	struct str rest = value, word, score;

	if (!str_split_char(&rest, ';', &word) ||
	    !str_split_char(&rest, '/', &score))
		return false;
	word = str_trim(word);
	v->is_spam = str_equals_nocase(word, STR("True")) ||
	    str_equals_nocase(word, STR("Yes"));
	return num_parse_hundredths(str_trim(score), &v->score);
}

/* Every line ends in CRLF, and other control characters are blanks. */
static void
add_field(struct buf *b, struct str whole)
{
	size_t i;

	for (i = 0; i < whole.len; i++) {
		char c = whole.p[i];

		if (c == '\n')
			buf_add_cstr(b, "\r\n");
		else if (c != '\r')
			buf_add_char(b, ascii_is_cntl(c) ? ' ' : c);
	}
	if (!str_ends_with(whole, STR("\n")))
		buf_add_cstr(b, "\r\n");
}

static struct str
take_headers(struct arena *a, struct str header)
{
	struct buf b = BUF_INIT;
	struct header_field f;
	struct str kept;

	while (header_next(&header, &f)) {
		if (f.value.p &&
		    str_starts_with_nocase(f.name, STR("X-Spam-")) &&
		    b.len + f.whole.len < HEADERS_MAX)
			add_field(&b, f.whole);
	}
	kept = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return kept;
}

enum rc
spamd_parse(struct str answer, struct arena *a,
    struct spamd_verdict *ret_verdict, struct err *err)
{
	size_t end = str_find(answer, STR("\r\n"));
	struct str line = str_slice(answer, 0, end);
	struct str rest = str_tail(answer, end + 2);
	struct spamd_verdict v = { .headers = STR("") };
	struct header_field f;
	bool has_verdict = false;

	if (!str_starts_with(line, STR("SPAMD/")) ||
	    !str_ends_with(line, STR(" 0 EX_OK")))
		return err_set(err, RC_TEMP, "4.3.0", "spamd says: %.*s",
		    STR_ARG(str_slice(line, 0, 80)));
	while (header_next(&rest, &f)) {
		if (f.value.p && str_equals_nocase(f.name, STR("Spam")))
			has_verdict = parse_spam(str_trim(f.value), &v);
	}
	if (!has_verdict)
		return err_set(err, RC_TEMP, "4.3.0",
		    "spamd gave no verdict");
	if (str_starts_with(rest, STR("\r\n")))
		rest = str_tail(rest, 2);
	v.headers = take_headers(a, rest);
	*ret_verdict = v;
	return RC_OK;
}

static enum io
read_all(struct spamd *s, struct buf *b)
{
	struct str block;
	enum io io;

	for (;;) {
		io = reader_block(
		    s->reader, BUFFER, s->deadline_ms, &block);
		if (io != IO_OK)
			return io == IO_EOF ? IO_OK : io;
		if (b->len + block.len > ANSWER_MAX)
			return IO_ERROR;
		buf_add_str(b, block);
		reader_consume(s->reader, block.len);
	}
}

enum rc
spamd_finish(struct spamd *s, struct arena *a,
    struct spamd_verdict *ret_verdict, struct err *err)
{
	struct buf b = BUF_INIT;
	enum rc rc;

	if (writer_flush(s->writer) != IO_OK ||
	    shutdown(s->fd, SHUT_WR) != 0 || read_all(s, &b) != IO_OK)
		rc = err_set(err, RC_TEMP, "4.3.0",
		    "spamd did not answer in time");
	else
		rc = spamd_parse(buf_str(&b), a, ret_verdict, err);
	buf_done(&b);
	return rc;
}
