// Large files by the JavaScript client: node transfer.mjs up|down REPO NAME…
// It takes HF_ENDPOINT and HF_TOKEN as the Python client does, and insists on Xet for what comes down.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { __internal_XetBlob as XetBlob, downloadFile, uploadFiles } from "@huggingface/hub";

const [way, repo, ...names] = process.argv.slice(2);
const place = { repo, hubUrl: process.env.HF_ENDPOINT, accessToken: process.env.HF_TOKEN };

async function up() {
	const read = async (path) => ({ path, content: new Blob([await readFile(path)]) });
	await uploadFiles({ ...place, files: await Promise.all(names.map(read)), useXet: true });
}

async function down(name) {
	const found = await downloadFile({ ...place, path: name });
	if (!(found instanceof XetBlob)) {
		throw new Error(`${name} did not come by Xet`);
	}
	await mkdir(dirname(`got/${name}`), { recursive: true });
	await writeFile(`got/${name}`, Buffer.from(await found.arrayBuffer()));
	if (found.size > 1000) {
		const middle = found.slice(1000, Math.min(found.size, 1_000_000));
		await writeFile(`got/${name}.slice`, Buffer.from(await middle.arrayBuffer()));
	}
}

if (way === "up") {
	await up();
} else {
	for (const name of names) {
		await down(name);
	}
}
