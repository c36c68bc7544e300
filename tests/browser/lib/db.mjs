// The database that the page is about, by psql; PGHOST and PGPORT are in the
// environment, as is BROWSER_DB.
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const database = process.env.BROWSER_DB;

// sql(STATEMENT, {variables}): what it prints.  :'name' in it is a variable.
export async function sql(statement, variables = {}) {
	const args = ['-qXAt', '-v', 'ON_ERROR_STOP=1', '-d', database];
	for (const [name, value] of Object.entries(variables)) args.push('-v', `${name}=${value}`);
	const child = exec('psql', [...args, '-f', '-'], { maxBuffer: 1 << 24 });
	child.child.stdin.end(statement);
	return (await child).stdout.trim();
}

// hold(STATEMENT): a session that keeps what it locked, until the result is called.
export async function hold(statement) {
	const child = spawn('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', '-d', database], { stdio: ['pipe', 'pipe', 'inherit'] });
	child.stdin.write(`${statement};\n\\echo held\n`);
	await new Promise((done, fail) => {
		child.stdout.on('data', (text) => String(text).includes('held') && done());
		child.on('exit', () => fail(new Error('the session ended')));
	});
	return () => child.stdin.end();
}

export const stateOf = (id) => sql(`SELECT errand.status(${Number(id)})`);
export const token = (role, level) => sql(`SELECT errand.issue_token(:'role', :'level')`, { role, level });
export const counting = `http://127.0.0.1:${process.env.COUNT_PORT}`;
