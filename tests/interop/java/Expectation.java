// What is expected of the suite: how many cases there are, and which of them are meant to fail, each with its reason.

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * @param cases how many cases the whole suite has
 * @param deviations reasons by name of the case
 */
record Expectation(int cases, Map<String, String> deviations) {
    private static final int MOST = 10;

    /** Reads lines of `cases = number` and `name = reason`; `#` begins a remark. */
    static Expectation read(Path file) throws IOException {
        int cases = 0;
        Map<String, String> deviations = new TreeMap<>();
        for (String line : Files.readAllLines(file)) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] sides = line.split("=", 2);
            if (sides.length != 2 || sides[1].isBlank()) {
                throw new IOException(file + ": no reason in: " + line);
            }
            String name = sides[0].strip();
            if (name.equals("cases")) {
                cases = Integer.parseInt(sides[1].strip());
            } else if (deviations.put(name, sides[1].strip()) != null) {
                throw new IOException(file + ": twice: " + name);
            }
        }
        if (deviations.size() > MOST) {
            throw new IOException(file + ": more than " + MOST + " deviations");
        }
        return new Expectation(cases, deviations);
    }
}
