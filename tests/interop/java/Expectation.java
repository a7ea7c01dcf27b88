// What is expected of the suite: how many cases there are, which of them are meant to fail, and for a virtual cluster over
// two physical clusters which have all their topics on its home, each with its reason.

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * @param cases how many cases the whole suite has
 * @param deviations reasons by name of the case
 * @param atHome reasons by name of the case
 */
record Expectation(int cases, Map<String, String> deviations, Map<String, String> atHome) {
    private static final String AT_HOME = "at home: ";
    private static final String CASES = "cases";
    private static final String MOST = "most deviations";

    /**
     * Reads lines of `cases = number`, `most deviations = number`, `name = reason` and `at home: name = reason`; `#` begins a
     * remark.
     */
    static Expectation read(Path file) throws IOException {
        Map<String, Integer> numbers = new TreeMap<>();
        Map<String, String> deviations = new TreeMap<>();
        Map<String, String> atHome = new TreeMap<>();
        for (String line : Files.readAllLines(file)) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] sides = line.split("=", 2);
            if (sides.length != 2 || sides[1].isBlank()) {
                throw new IOException(file + ": no reason in: " + line);
            }
            String name = sides[0].strip();
            if (name.equals(CASES) || name.equals(MOST)) {
                numbers.put(name, Integer.parseInt(sides[1].strip()));
                continue;
            }
            boolean isPlace = name.startsWith(AT_HOME);
            Map<String, String> list = isPlace ? atHome : deviations;
            if (list.put(isPlace ? name.substring(AT_HOME.length()) : name, sides[1].strip()) != null) {
                throw new IOException(file + ": twice: " + name);
            }
        }
        if (deviations.size() > numbers.get(MOST)) {
            throw new IOException(file + ": more than " + numbers.get(MOST) + " deviations");
        }
        return new Expectation(numbers.get(CASES), deviations, atHome);
    }
}
