/** findBundle as whoever runs this. Arguments: directory. Prints the error as JSON. */
import { toSidecryptError } from "../../src/errors.ts";
import { findBundle } from "../../src/source/find.ts";

try {
  process.stdout.write(JSON.stringify({ path: await findBundle(process.argv[2] ?? "", null, () => true) }));
} catch (error) {
  const { code, message } = toSidecryptError(error);
  process.stdout.write(JSON.stringify({ code, message }));
}
