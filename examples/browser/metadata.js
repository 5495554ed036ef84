/** What ONNX files say of themselves. ONNX Runtime Web does not tell it. */

const METADATA = 14; // `metadata_props` of ModelProto: messages of a key (1) and a value (2)
const VARINT = 0, EIGHT_BYTES = 1, MESSAGE = 2, FOUR_BYTES = 5;

/**
 * Read the metadata of an ONNX file, past everything else.
 * @param {Uint8Array} bytes The file.
 * @returns {Object<string, string>}
 */
export function metadata(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true });
  const found = {};
  for (const [number, message] of messages(bytes)) {
    if (number !== METADATA) continue;
    const pair = Object.fromEntries(messages(message));
    found[text.decode(pair[1])] = text.decode(pair[2]);
  }
  return found;
}

/** Yield the number and the bytes of each field that is a message or a text. */
function* messages(bytes) {
  let place = 0;
  const varint = () => {
    for (let value = 0, scale = 1; place < bytes.length; scale *= 128) {
      const byte = bytes[place++];
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
    throw damaged();
  };
  while (place < bytes.length) {
    const tag = varint();
    switch (tag % 8) {
      case VARINT: varint(); break;
      case EIGHT_BYTES: place += 8; break;
      case FOUR_BYTES: place += 4; break;
      case MESSAGE: {
        const end = varint() + place;
        if (end > bytes.length) throw damaged();
        yield [Math.floor(tag / 8), bytes.subarray(place, end)];
        place = end;
        break;
      }
      default: throw damaged();
    }
  }
}

const damaged = () => new Error("The model cannot be read as ONNX: it is damaged, or something else.");
