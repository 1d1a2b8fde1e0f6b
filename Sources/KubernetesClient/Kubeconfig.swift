internal import FoundationEssentials
internal import HTTPTransport

/// Merged kubeconfig files.
struct Kubeconfig {
    /// A named entry and the file it was found in.
    struct Entry {
        var fields: JSONValue
        var file: String
        /// What it is, for errors: `user "x" in ~/.kube/config`.
        var place: String

        func string(_ name: String) throws(ClusterConfigurationError) -> String? {
            switch fields[name] {
            case nil, .null, .string(""): return nil
            case .string(let text): return text
            default: throw ClusterConfigurationError("\(name) of \(place) is no string: quote it")
            }
        }

        /// A path in the entry, relative to the entry's file.
        func path(_ name: String) throws(ClusterConfigurationError) -> String? {
            guard let path = try string(name) else { return nil }
            guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
            return file[...slash] + path
        }

        /// The base64 of `name-data`, which wins, or the file that `name` is the path of.
        func source(_ name: String) throws(ClusterConfigurationError) -> ClusterCredentials.Source? {
            if let encoded = try string("\(name)-data") {
                guard let bytes = Data(base64Encoded: encoded, options: .ignoreUnknownCharacters), !bytes.isEmpty else {
                    throw ClusterConfigurationError("\(name)-data of \(place) is no base64")
                }
                return .inline([UInt8](bytes))
            }
            return try path(name).map(ClusterCredentials.Source.file)
        }

        /// - Throws: for the first of these fields that is set.
        func refuse(_ fields: [(name: String, advice: String)]) throws(ClusterConfigurationError) {
            for (name, advice) in fields {
                switch self.fields[name] {
                case nil, .null, .bool(false), .string(""): continue
                default:
                    throw ClusterConfigurationError("\(name) of \(place) is not supported: \(advice)")
                }
            }
        }
    }

    private var currentContext: (name: String, file: String)?
    private var entries: [String: [String: Entry]] = [:]
    private var files: [String] = []

    /// Whether there is nothing in it that could lead to a cluster.
    var isEmpty: Bool { currentContext == nil && entries.values.allSatisfy(\.isEmpty) }

    /// Reads and merges files.
    /// - Throws: ``ClusterConfigurationError`` when none of them exists, or one cannot be read.
    init(files: [String]) throws(ClusterConfigurationError) {
        for file in files where !file.isEmpty && fileExists(file) {
            self.files.append(file)
            try add(file)
        }
        guard !self.files.isEmpty else {
            throw ClusterConfigurationError(
                "KUBECONFIG names no file that exists (\(files.joined(separator: ", "))): correct it, or unset it")
        }
    }

    private mutating func add(_ file: String) throws(ClusterConfigurationError) {
        let text = String(decoding: try contents(ofFile: file, limit: 1024 * 1024), as: UTF8.self)
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        let document: JSONValue
        do {
            document = try JSONValue(yaml: text)
        } catch {
            throw ClusterConfigurationError("the kubeconfig \(file) cannot be read: \(error)")
        }
        guard document.object != nil else { throw ClusterConfigurationError("the kubeconfig \(file) is no mapping") }
        if currentContext == nil, let name = document["current-context"]?.string, !name.isEmpty {
            currentContext = (name, file)
        }
        for (list, member) in [("contexts", "context"), ("clusters", "cluster"), ("users", "user")] {
            for element in document[list]?.array ?? [] {
                guard let name = element["name"]?.string else {
                    throw ClusterConfigurationError("the kubeconfig \(file) has an entry without a name in \(list)")
                }
                // The first file that has the name wins, whole.
                guard entries[list]?[name] == nil else { continue }
                entries[list, default: [:]][name] = Entry(
                    fields: element[member] ?? .null, file: file, place: "\(member) \"\(name)\" in \(file)")
            }
        }
    }

    private func entry(
        _ list: String, _ name: String, namedBy place: String
    ) throws(ClusterConfigurationError) -> Entry {
        guard let entry = entries[list]?[name] else {
            throw ClusterConfigurationError("\(place) names \"\(name)\", which is not among the \(list)")
        }
        return entry
    }

    /// Follows the current context.
    func configuration() throws(ClusterConfigurationError) -> ClusterConfiguration {
        guard let currentContext else {
            throw ClusterConfigurationError(
                "the kubeconfig \(files.joined(separator: ", ")) has no current-context: choose one with "
                    + "\"kubectl config use-context\"")
        }
        let context = try entry("contexts", currentContext.name, namedBy: "current-context in \(currentContext.file)")
        guard let clusterName = try context.string("cluster") else {
            throw ClusterConfigurationError("\(context.place) names no cluster")
        }
        let cluster = try entry("clusters", clusterName, namedBy: context.place)
        guard let server = try cluster.string("server") else {
            throw ClusterConfigurationError("\(cluster.place) names no server")
        }
        let address = try ClusterConfiguration.address(server, of: "server of \(cluster.place)")
        try cluster.refuse([
            ("insecure-skip-tls-verify", "give the cluster's certificate-authority instead"),
            ("proxy-url", "name an address that can be reached directly"),
        ])
        if let name = try cluster.string("tls-server-name"), name.lowercased() != address.host {
            throw ClusterConfigurationError(
                "tls-server-name of \(cluster.place) is not supported: use a server address that its certificate is for"
            )
        }

        var credentials = ClusterCredentials()
        credentials.authority = try cluster.source("certificate-authority")
        if let userName = try context.string("user") {
            try Self.add(try entry("users", userName, namedBy: context.place), to: &credentials)
        }
        // What cannot be read now cannot work, so it is said at the start.
        _ = try credentials.current()
        return ClusterConfiguration(
            server: address,
            namespace: try context.string("namespace"),
            credentials: credentials,
            origin: "kubeconfig \(currentContext.file), context \"\(currentContext.name)\"")
    }

    private static func add(
        _ user: Entry, to credentials: inout ClusterCredentials
    ) throws(ClusterConfigurationError) {
        let tokens = "use a service account's token or a client certificate"
        try user.refuse([
            ("exec", "no program is run for credentials; \(tokens)"), ("auth-provider", tokens),
            ("username", tokens), ("password", tokens),
            ("as", "impersonation would act as somebody else"), ("as-uid", "impersonation would act as somebody else"),
            ("as-groups", "impersonation would act as somebody else"),
            ("as-user-extra", "impersonation would act as somebody else"),
        ])
        // A token file wins over a token, as in kubectl, for it is the one that can be renewed.
        if let path = try user.path("tokenFile") {
            credentials.token = .file(path)
        } else if let token = try user.string("token") {
            credentials.token = .inline([UInt8](token.utf8))
        }
        credentials.clientCertificate = try user.source("client-certificate")
        credentials.clientKey = try user.source("client-key")
        guard (credentials.clientCertificate == nil) == (credentials.clientKey == nil) else {
            throw ClusterConfigurationError("\(user.place) has a client-certificate or a client-key, but not both")
        }
    }
}
