// Reads and writes messages with Kafka's own classes, for the wire engine's tests.
//
// Standard input has one message per line: API key, "request" or "response", version, and the bytes in hexadecimal, or
// "default" for a message of defaults. Standard output has a line for each: the bytes that Kafka writes after reading
// them, or "error" and why not.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

class Messages {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        StringBuilder out = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ", -1);
            try {
                out.append(answer(Short.parseShort(words[0]), words[1], Short.parseShort(words[2]), words[3]));
            } catch (Exception error) {
                out.append("error ").append(error);
            }
            out.append('\n');
        }
        System.out.print(out);
    }

    private static String answer(short key, String direction, short version, String bytes) {
        ApiMessageType type = ApiMessageType.fromApiKey(key);
        ApiMessage message = direction.equals("request") ? type.newRequest() : type.newResponse();
        if (!bytes.equals("default")) {
            ByteBuffer input = ByteBuffer.wrap(HexFormat.of().parseHex(bytes));
            message.read(new ByteBufferAccessor(input), version);
            if (input.hasRemaining()) {
                return "error " + input.remaining() + " bytes left";
            }
        }
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer output = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(output), cache, version);
        return HexFormat.of().formatHex(output.array());
    }
}
