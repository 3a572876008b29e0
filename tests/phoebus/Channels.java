import com.cosylab.epics.caj.CAJContext;
import gov.aps.jca.CAStatus;
import gov.aps.jca.Channel;
import gov.aps.jca.Context;
import gov.aps.jca.JCALibrary;
import gov.aps.jca.Monitor;
import gov.aps.jca.dbr.DBR;
import gov.aps.jca.dbr.DBRType;
import gov.aps.jca.event.GetEvent;
import gov.aps.jca.event.MonitorEvent;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.epics.pva.client.PVAChannel;
import org.epics.pva.client.PVAClient;
import org.epics.pva.data.PVAData;
import org.epics.pva.data.PVAInt;
import org.epics.pva.data.PVAShortArray;
import org.epics.pva.data.PVAFloatArray;
import org.epics.pva.data.PVAStructure;
import org.epics.pva.data.PVAStructureArray;
import org.epics.pva.data.PVAUnion;

/**
 * Channels as Phoebus meets them: with its PVAccess library (org.phoebus:core-pva) and the Channel Access library
 * that it uses (org.epics:jca). Requests are lines of the standard input, answers lines of the standard output:
 *
 * <pre>
 * ca NAME           NAME, native type, elements, rights; after metadata and a first monitor have come
 * write NAME TEXT   writes text, as the actions of a screen do, and waits until it is done
 * image NAME        NAME, structure, width, height, sum of the pixels; after a first monitor has come
 * </pre>
 *
 * Columns are separated by tabs; what fails is answered with its name, "failed" and the reason.
 */
public class Channels {
    private static final int SECONDS = 60;

    private interface Answer {
        String get() throws Exception;
    }

    public static void main(final String[] arguments) throws Exception {
        final Context context = JCALibrary.getInstance().createContext(JCALibrary.CHANNEL_ACCESS_JAVA);
        final PVAClient client = new PVAClient();
        try {
            final BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            final Map<String, Channel> channels = new LinkedHashMap<>();
            final List<String[]> requests = new ArrayList<>();
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                final String[] words = line.split(" ", 3);
                requests.add(words);
                if (!words[0].equals("image") && !channels.containsKey(words[1])) {
                    channels.put(words[1], context.createChannel(words[1]));
                }
            }
            context.pendIO(SECONDS);
            for (final String[] words : requests) {
                final Channel channel = channels.get(words[1]);
                switch (words[0]) {
                    case "ca" -> tell(words[1], () -> describe(context, channel));
                    case "write" -> tell(words[1], () -> write(context, channel, words[2]));
                    case "image" -> tell(words[1], () -> image(client, words[1]));
                    default -> throw new IllegalArgumentException(words[0]);
                }
            }
        } finally {
            client.close();
            ((CAJContext) context).destroy();
        }
        System.exit(0); // the libraries leave threads behind
    }

    private static void tell(final String name, final Answer answer) {
        try {
            System.out.println(name + "\t" + answer.get());
        } catch (final Exception error) {
            System.out.println(name + "\tfailed\t" + error);
        }
        System.out.flush();
    }

    private static String describe(final Context context, final Channel channel) throws Exception {
        final DBRType type = channel.getFieldType();
        final CompletableFuture<CAStatus> metadata = new CompletableFuture<>();
        channel.get(control(type), channel.getElementCount(), (final GetEvent event) -> metadata.complete(event.getStatus()));
        final CompletableFuture<DBR> value = new CompletableFuture<>();
        final Monitor monitor =
                channel.addMonitor(
                        time(type),
                        channel.getElementCount(),
                        Monitor.VALUE | Monitor.ALARM,
                        (final MonitorEvent event) -> value.complete(event.getDBR()));
        context.flushIO();
        final CAStatus status = metadata.get(SECONDS, TimeUnit.SECONDS);
        if (status != CAStatus.NORMAL) {
            throw new Exception("metadata: " + status.getMessage());
        }
        if (value.get(SECONDS, TimeUnit.SECONDS) == null) {
            throw new Exception("a monitor without a value");
        }
        monitor.clear();
        final String rights = channel.getWriteAccess() ? "write" : "read";
        return type.getName() + "\t" + channel.getElementCount() + "\t" + rights;
    }

    private static DBRType control(final DBRType type) {
        // Text has no control information; its status is what is asked for instead.
        if (type.isSTRING()) return DBRType.STS_STRING;
        if (type.isENUM()) return DBRType.LABELS_ENUM;
        if (type.isDOUBLE()) return DBRType.CTRL_DOUBLE;
        if (type.isFLOAT()) return DBRType.CTRL_FLOAT;
        if (type.isINT()) return DBRType.CTRL_INT;
        if (type.isSHORT()) return DBRType.CTRL_SHORT;
        return DBRType.CTRL_BYTE;
    }

    private static DBRType time(final DBRType type) {
        if (type.isSTRING()) return DBRType.TIME_STRING;
        if (type.isENUM()) return DBRType.TIME_ENUM;
        if (type.isDOUBLE()) return DBRType.TIME_DOUBLE;
        if (type.isFLOAT()) return DBRType.TIME_FLOAT;
        if (type.isINT()) return DBRType.TIME_INT;
        if (type.isSHORT()) return DBRType.TIME_SHORT;
        return DBRType.TIME_BYTE;
    }

    private static String write(final Context context, final Channel channel, final String text) throws Exception {
        final CompletableFuture<CAStatus> done = new CompletableFuture<>();
        channel.put(text, event -> done.complete(event.getStatus()));
        context.flushIO();
        return "written\t" + done.get(SECONDS, TimeUnit.SECONDS).getMessage();
    }

    private static String image(final PVAClient client, final String name) throws Exception {
        try (PVAChannel channel = client.getChannel(name)) {
            channel.connect().get(SECONDS, TimeUnit.SECONDS);
            final CompletableFuture<PVAStructure> first = new CompletableFuture<>();
            try (AutoCloseable ignored =
                    channel.subscribe(
                            "",
                            (source, changes, overruns, data) -> {
                                if (data != null) first.complete((PVAStructure) data.cloneData());
                            })) {
                final PVAStructure image = first.get(SECONDS, TimeUnit.SECONDS);
                final StringBuilder told = new StringBuilder(image.getStructureName());
                final PVAStructureArray dimensions = image.get("dimension");
                for (final PVAStructure dimension : dimensions.get()) {
                    final PVAInt size = dimension.get("size");
                    told.append("\t").append(size.get());
                }
                final PVAUnion pixels = image.get("value");
                return told.append("\t").append(sum(pixels.get())).toString();
            }
        }
    }

    private static double sum(final PVAData pixels) {
        double sum = 0.0;
        if (pixels instanceof PVAFloatArray) {
            for (final float each : ((PVAFloatArray) pixels).get()) sum += each;
        } else if (pixels instanceof PVAShortArray) {
            for (final short each : ((PVAShortArray) pixels).get()) sum += Short.toUnsignedInt(each);
        } else if (pixels != null) {
            throw new IllegalArgumentException("pixels of " + pixels.getClass());
        }
        return sum;
    }
}
