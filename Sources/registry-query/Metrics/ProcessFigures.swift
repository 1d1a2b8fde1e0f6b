import Glibc
import Metrics
import Synchronization
import SystemPackage

/// What the kernel says of this process.
///
/// Spec: proc_pid_stat(5), proc_stat(5); names as Prometheus' own client libraries have them.
final class ProcessFigures: Sendable {
    /// In seconds, of the same process at one time.
    struct Reading: Equatable {
        var residentBytes: Int64
        var virtualBytes: Int64
        var processorSeconds: Double
        /// Since the machine was started.
        var start: Double
    }

    /// The most bytes that are read of a file.
    private static let longestFile = 256 << 10

    private let directory: String
    private let ticks: Double
    private let pageBytes: Int64
    /// When the machine was started, as Unix time.
    private let boot: Double?
    private let recorded = Mutex(0.0)

    /// - Parameter directory: `/proc`.
    init(directory: String = "/proc") {
        self.directory = directory
        ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
        pageBytes = Int64(max(sysconf(Int32(_SC_PAGESIZE)), 1))
        boot = Self.text("\(directory)/stat").flatMap(Self.boot)
    }

    /// Sets the metrics to what is true now; what cannot be read is left as it is.
    func record() {
        if let text = Self.text("\(directory)/self/stat"), let now = reading(text) {
            Gauge(label: "process_resident_memory_bytes").record(now.residentBytes)
            Gauge(label: "process_virtual_memory_bytes").record(now.virtualBytes)
            // Two scrapes at once must not count the same time twice.
            let more = recorded.withLock { recorded in
                let more = max(now.processorSeconds - recorded, 0)
                recorded += more
                return more
            }
            FloatingPointCounter(label: "process_cpu_seconds_total").increment(by: more)
            if let boot { Gauge(label: "process_start_time_seconds").record(boot + now.start) }
        }
        if let count = Self.entries("\(directory)/self/fd") { Gauge(label: "process_open_fds").record(count) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            Gauge(label: "process_max_fds").record(Double(limit.rlim_cur))
        }
    }

    /// Reads `/proc/self/stat`, whose second field is a name in parentheses that may have any characters.
    func reading(_ stat: String) -> Reading? {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        // The first of these is the third field.
        let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace)
        func field(_ number: Int) -> Int64? { fields.count > number - 3 ? Int64(fields[number - 3]) : nil }
        guard let user = field(14), let system = field(15), let start = field(22), let virtual = field(23),
            let resident = field(24)
        else { return nil }
        return Reading(
            residentBytes: resident * pageBytes, virtualBytes: virtual,
            processorSeconds: (Double(user) + Double(system)) / ticks, start: Double(start) / ticks)
    }

    /// The line `btime` of `/proc/stat`.
    static func boot(_ stat: String) -> Double? {
        let line = stat.split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst("btime ".count)) }
    }

    private static func text(_ path: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly) else { return nil }
        let bytes = try? file.closeAfter {
            var bytes: [UInt8] = []
            while bytes.count < longestFile {
                let chunk = try [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, count in
                    count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
                if chunk.isEmpty { break }
                bytes += chunk
            }
            return bytes
        }
        return bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    /// How many entries a directory has, without the one that reading it makes.
    private static func entries(_ path: String) -> Int? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var count = -1
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != UInt8(ascii: ".") { count += 1 }
        }
        return max(count, 0)
    }
}
