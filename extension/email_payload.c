/*
 * email_payload.c
 *		Builds the payload of an e-mail task from named options.
 *
 * Runs in every backend, at submit.  It only puts together: email_check.c
 * looks at the result.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "email_check.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

/* What an e-mail is made of; the keys of the payload have the options' names. */
static const ErrandOption parts[] = {OPT_RECIPIENT,	  OPT_CC,	   OPT_BCC,	 OPT_SENDER,
									 OPT_REPLY_TO,	  OPT_SUBJECT, OPT_BODY, OPT_HTML,
									 OPT_ATTACHMENTS, OPT_HEADERS};

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *s, int len)
{
	JsonbValue v = {.type = jbvString};

	v.val.string.val = (char *) s;
	v.val.string.len = len;
	pushJsonbValue(state, token, &v);
}

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, Datum value)
{
	text *t = DatumGetTextPP(value);

	push_string(state, token, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

static void
push_array(JsonbParseState **state, ErrandOption option, Datum value)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	Datum *items;
	bool *nulls;
	int n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" holds a NULL", errand_option_name(option)),
							errhint("Leave out who has no address.")));
		push_text(state, WJB_ELEM, items[i]);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_jsonb(JsonbParseState **state, Datum value)
{
	Jsonb *j = DatumGetJsonbP(value);
	JsonbValue v;

	if (JB_ROOT_IS_SCALAR(j))
		JsonbExtractScalar(&j->root, &v);
	else
		JsonbToJsonbValue(j, &v);
	pushJsonbValue(state, WJB_VALUE, &v);
}

Jsonb *
errand_email_payload(const ErrandOptions *o)
{
	JsonbParseState *state = NULL;

	if (o->given[OPT_BODY] && o->type[OPT_BODY] != TEXTOID)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"body\" of an e-mail must be a text"),
						errhint("HTML belongs in \"html\", anything else in \"attachments\".")));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < (int) lengthof(parts); i++)
	{
		ErrandOption k = parts[i];
		const char *name = errand_option_name(k);

		if (!o->given[k])
			continue;
		push_string(&state, WJB_KEY, name, strlen(name));
		if (k == OPT_RECIPIENT || k == OPT_CC || k == OPT_BCC)
			push_array(&state, k, o->value[k]);
		else if (k == OPT_ATTACHMENTS || k == OPT_HEADERS)
			push_jsonb(&state, o->value[k]);
		else
			push_text(&state, WJB_VALUE, o->value[k]);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Is it of an e-mail, or does it say how to run a task? */
static bool
belongs(ErrandOption k)
{
	if ((k >= OPT_QUEUE && k < OPT_URL) || k == OPT_TIMEOUT_MILLISECONDS)
		return true;
	for (int i = 0; i < (int) lengthof(parts); i++)
	{
		if (parts[i] == k)
			return true;
	}
	return false;
}

void
errand_email_lift(Jsonb *payload, ErrandOptions *o)
{
	for (ErrandOption k = 0; k < OPT_COUNT; k++)
	{
		const char *name = errand_option_name(k);

		if (!belongs(k) &&
			getKeyJsonValueFromContainer(&payload->root, name, strlen(name), NULL) != NULL)
			ereport(ERROR, (BAD_ARGUMENT, errmsg("an e-mail has no \"%s\"", name),
							errhint("A payload has the names of errand.email()'s arguments.")));
	}
	errand_options_from_json(payload, o, true);
	o->value[OPT_PAYLOAD] = JsonbPGetDatum(errand_email_payload(o));
	o->given[OPT_PAYLOAD] = true;
}
