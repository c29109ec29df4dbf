/*
 * Answers of a name server as they come over the wire: bounded lists, host
 * names without control characters, addresses that are addresses.
 */
#include <arpa/inet.h>

#include "fuzz.h"

#include "base/ascii.h"
#include "dns/dns.h"
#include "base/banned.h"

enum { LIST_MAX = 64, NAME_MAX_TEXT = 1024 };

static void
check_mx(struct arena *a, struct str packet)
{
	struct dns_mx_list list;
	struct err err = { .rc = RC_OK };
	size_t i, k;
	enum rc rc = dns_mx_read(a, packet, &list, &err);

	if (rc != RC_OK) {
		CHECK(err.rc == rc && err.text[0] && rc != RC_BUG);
		return;
	}
	CHECK(list.n <= LIST_MAX);
	CHECK(!list.is_null || list.n == 1);
	for (i = 0; i < list.n; i++) {
		struct str host = list.v[i].host;

		CHECK(host.len < NAME_MAX_TEXT);
		CHECK(!i || list.v[i - 1].preference <= list.v[i].preference);
		for (k = 0; k < host.len; k++)
			CHECK(!ascii_is_cntl(host.p[k]) &&
			    !ascii_is_8bit(host.p[k]));
	}
}

static void
check_addresses(struct arena *a, struct str packet)
{
	struct err err = { .rc = RC_OK };
	unsigned char address[16];
	struct str *v;
	size_t n, i;

	if (dns_addresses_read(a, packet, &v, &n, &err) != RC_OK)
		return;
	CHECK(n <= 2 * LIST_MAX);
	for (i = 0; i < n; i++) {
		int family = str_has_char(v[i], ':') ? AF_INET6 : AF_INET;

		CHECK(inet_pton(
			  family, arena_dup_cstr(a, v[i]), address) == 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str packet = fuzz_input(data, size);

	check_mx(a, packet);
	check_addresses(a, packet);
	arena_free(a);
	return 0;
}
