// Who a client of the gateway is: as properties of a Kafka client, and as a login on a bare socket.

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.common.message.SaslAuthenticateRequestData;
import org.apache.kafka.common.message.SaslHandshakeRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.ResponseHeader;
import org.apache.kafka.common.requests.SaslAuthenticateRequest;
import org.apache.kafka.common.requests.SaslAuthenticateResponse;
import org.apache.kafka.common.requests.SaslHandshakeRequest;
import org.apache.kafka.common.requests.SaslHandshakeResponse;
import org.apache.kafka.common.utils.Utils;

record Credentials(String username, String password) {
    private static final String MECHANISM = "PLAIN";

    /** What a Kafka client needs to log in. */
    Properties properties() {
        Properties properties = new Properties();
        properties.put("security.protocol", "SASL_PLAINTEXT");
        properties.put("sasl.mechanism", MECHANISM);
        properties.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required"
            + " username=\"" + username + "\" password=\"" + password + "\";");
        return properties;
    }

    /** Logs in on a fresh connection; afterwards it is as one to a listener without SASL. */
    void login(Socket socket) throws IOException {
        SaslHandshakeResponse handshake = (SaslHandshakeResponse) ask(socket, new SaslHandshakeRequest.Builder(
            new SaslHandshakeRequestData().setMechanism(MECHANISM)).build());
        check(handshake.error(), "handshake");
        byte[] message = ('\0' + username + '\0' + password).getBytes(StandardCharsets.UTF_8);
        SaslAuthenticateResponse login = (SaslAuthenticateResponse) ask(socket, new SaslAuthenticateRequest.Builder(
            new SaslAuthenticateRequestData().setAuthBytes(message)).build());
        check(login.error(), "login");
    }

    private static void check(Errors error, String step) throws IOException {
        if (error != Errors.NONE) {
            throw new IOException("the gateway refuses the " + step + ": " + error);
        }
    }

    private static AbstractResponse ask(Socket socket, AbstractRequest request) throws IOException {
        ApiKeys api = request.apiKey();
        RequestHeader header = new RequestHeader(api, request.version(), "interop", 0);
        byte[] bytes = Utils.toArray(request.serializeWithHeader(header));
        DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        out.writeInt(bytes.length);
        out.write(bytes);
        out.flush();
        DataInputStream in = new DataInputStream(socket.getInputStream());
        byte[] answer = new byte[in.readInt()];
        in.readFully(answer);
        ByteBuffer buffer = ByteBuffer.wrap(answer);
        ResponseHeader.parse(buffer, api.responseHeaderVersion(request.version()));
        return AbstractResponse.parseResponse(api, new ByteBufferAccessor(buffer), request.version());
    }
}
