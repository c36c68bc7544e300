/*-------------------------------------------------------------------------
 *
 * test_smtp.c
 *	  Mail against a server in the same loop that says what a test wants.
 *
 * Real servers, TLS and AUTH are in tests/tap/090_mail.pl.
 *
 *-------------------------------------------------------------------------
 */
#include "smtp_server.h"

#include "net/smtp.h"

static ErrandSmtp *smtp;
static int started;
static int done;
static ErrandSmtpResult result;

static void
on_started(void *owner)
{
	(void) owner;
	started++;
}

static void
on_done(void *owner, ErrandSmtpMail *m, const ErrandSmtpResult *r)
{
	(void) owner;
	result = *r;
	done++;
	errand_smtp_free(m);
}

static void
configure(ErrandSmtpConfig *c, const char *host)
{
	memset(c, 0, sizeof(*c));
	c->host = host;
	c->port = S.port;
	c->dns_servers = "127.0.0.1:9";
	c->dns_timeout_ms = 1000;
	c->max_connections = 2;
}

static int
open_all(void **state)
{
	ErrandSmtpConfig c;
	const char *why;

	(void) state;
	harness_open();
	smtp_server_open();
	started = done = 0;
	configure(&c, "127.0.0.1");
	smtp = errand_smtp_create(&H.loop, &c, on_started, on_done, &why);
	assert_non_null(smtp);
	return 0;
}

static int
close_all(void **state)
{
	(void) state;
	errand_smtp_destroy(smtp);
	smtp_server_close();
	harness_close();
	return 0;
}

static ErrandSmtpMail *
mail(int64_t timeout_ms)
{
	static const char *const to[] = {"b@test", "c@test"};
	ErrandSmtpRequest q = {.from = "a@test",
						   .recipients = to,
						   .n_recipients = 2,
						   .data = "Subject: x\r\n\r\nhello\r\n",
						   .len = 21,
						   .timeout_ms = timeout_ms,
						   .connect_timeout_ms = 10000};

	return errand_smtp_send(smtp, &q);
}

static void
run_mail_for(int64_t timeout_ms)
{
	int before = done;

	assert_non_null(mail(timeout_ms));
	WAIT_FOR(done == before + 1);
}

static void
run_mail(void)
{
	run_mail_for(30000);
}

static void
expect(ErrandFailure failure, int code, bool sent)
{
	if (result.failure != failure || result.code != code || result.bytes_sent != sent)
		fail_msg("failure %d not %d, code %d, sent %d: %s", result.failure, failure, result.code,
				 result.bytes_sent, result.error);
}

static void
test_sends(void **state)
{
	static const char *const want[] = {
		"EHLO", "MAIL FROM:<a@test>", "RCPT TO:<b@test>", "RCPT TO:<c@test>", "DATA", "the end"};

	(void) state;
	run_mail();
	expect(ERRAND_FAIL_NONE, 250, true);
	assert_string_equal(result.reply, "250 fine");
	assert_int_equal(S.commands, 6);
	for (int i = 0; i < 6; i++)
		assert_int_equal(strncmp(S.seen[i], want[i], strlen(want[i])), 0);
	assert_int_equal(S.body, 21);
	run_mail();
	assert_int_equal(S.connections, 1); /* kept */
	assert_int_equal(S.messages, 2);
}

/* Every step, every way to say no or nothing. */
static void
test_refusals(void **state)
{
	static const char *const steps[] = {"MAIL", "RCPT", "DATA", "the end"};

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		bool end = i == 3;

		S.script = (Script){steps[i], "451-4.3.0 busy\r\n451 later\x01\xff\r\n", 1};
		run_mail();
		expect(ERRAND_FAIL_DEFERRED, 451, end);
		assert_string_equal(result.reply, "451 4.3.0 busy later??");
		S.script = (Script){steps[i], "550 never\r\n", 1};
		run_mail();
		expect(ERRAND_FAIL_REFUSED, 550, end);
		S.script = (Script){steps[i], "what?\r\n", 1};
		run_mail();
		expect(ERRAND_FAIL_PROTOCOL, 0, end);
		S.script = (Script){steps[i], NULL, 1};
		run_mail();
		expect(ERRAND_FAIL_RESET, 0, end);
		S.script = (Script){steps[i], "", 1};
		run_mail_for(50);
		expect(ERRAND_FAIL_TIMEOUT, 0, end);
		assert_true(result.timed_out);
	}
	assert_int_equal(S.messages, 5); /* those refused at the end */
}

static void
test_greetings(void **state)
{
	(void) state;
	S.greeting = "554 go away\r\n";
	run_mail();
	expect(ERRAND_FAIL_REFUSED, 554, false);
	S.greeting = "421 later\r\n";
	run_mail();
	expect(ERRAND_FAIL_DEFERRED, 421, false);
	S.greeting = "SSH-2.0-x\r\n";
	run_mail();
	assert_int_not_equal(result.failure, ERRAND_FAIL_NONE);
	S.greeting = "";
	run_mail_for(50);
	expect(ERRAND_FAIL_TIMEOUT, 0, false);
}

/* A kept connection that turns out dead costs nothing. */
static void
test_kept_connection_dies(void **state)
{
	(void) state;
	run_mail();
	S.script = (Script){"MAIL", NULL, 1};
	run_mail();
	expect(ERRAND_FAIL_NONE, 250, true);
	S.script = (Script){"MAIL", "421 idle\r\n", 1};
	run_mail();
	expect(ERRAND_FAIL_NONE, 250, true);
	assert_int_equal(S.messages, 3);
	smtp_server_hang_up();
	run_mail();
	expect(ERRAND_FAIL_NONE, 250, true);
}

static void
test_long_lines(void **state)
{
	static char line[20000];

	(void) state;
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "250 ", 4);
	S.script = (Script){"RCPT", line, 1};
	run_mail();
	expect(ERRAND_FAIL_PROTOCOL, 0, false);
}

static void
test_cancel(void **state)
{
	static const char *const steps[] = {"EHLO", "MAIL", "DATA", "the end"};

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		ErrandSmtpMail *m = mail(30000);
		int seen = S.commands;

		S.script = (Script){steps[i], "", 1};
		WAIT_FOR(S.commands > seen && S.script.times == 0);
		errand_smtp_cancel(m);
		WAIT_FOR(done == i + 1);
		expect(ERRAND_FAIL_CANCELLED, 0, i == 3);
	}
	errand_smtp_cancel(mail(30000));
	WAIT_FOR(done == 5);
	assert_int_equal(started, 4);
}

/* More than there are connections, and what is left is dropped. */
static void
test_many(void **state)
{
	ErrandSmtpStat stat;

	(void) state;
	for (int i = 0; i < 50; i++)
		assert_non_null(mail(30000));
	WAIT_FOR(done == 50);
	assert_int_equal(S.messages, 50);
	assert_int_equal(S.connections, 2);
	errand_smtp_stat(smtp, &stat);
	assert_int_equal(stat.running + stat.queued + (int) stat.bytes + (int) stat.errors, 0);
	assert_int_equal(stat.requests, 50);
	S.script = (Script){"MAIL", "", 1};
	for (int i = 0; i < 5; i++)
		assert_non_null(mail(30000));
	WAIT_FOR(S.script.times == 0);
}

/* Names: /etc/hosts and DNS, and never a thread; another server at a reload. */
static void
test_names(void **state)
{
	ErrandSmtpConfig c;

	(void) state;
	configure(&c, "localhost");
	c.helo = "me.test";
	errand_smtp_configure(smtp, &c);
	run_mail();
	expect(ERRAND_FAIL_NONE, 250, true);
	assert_string_equal(S.seen[0], "EHLO me.test");
	configure(&c, "nobody.test");
	errand_smtp_configure(smtp, &c);
	run_mail();
	assert_true(result.failure == ERRAND_FAIL_DNS || result.failure == ERRAND_FAIL_DNS_NOT_FOUND);
	configure(&c, NULL);
	errand_smtp_configure(smtp, &c);
	run_mail_for(1000);
	expect(ERRAND_FAIL_CONNECT, 0, false);
	configure(&c, "127.0.0.1");
	c.port = free_port();
	errand_smtp_configure(smtp, &c);
	run_mail_for(1000);
	expect(ERRAND_FAIL_CONNECT, 0, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sends, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_refusals, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_greetings, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_kept_connection_dies, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_long_lines, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_cancel, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_many, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_names, open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
