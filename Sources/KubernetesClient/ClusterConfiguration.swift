public import HTTPTransport

/// Where a cluster's API server is, and how to be somebody there.
public struct ClusterConfiguration: Sendable, CustomStringConvertible {
    /// The address, possibly with a path in front of the API's.
    public var server: HTTPURL
    /// The namespace that the credentials come with, if they name one.
    public var namespace: String?
    /// Who to be, and whom to trust.
    public var credentials: ClusterCredentials
    /// Where all this was found, for logs: `in-cluster files in ...` or `kubeconfig ..., context "..."`.
    public var origin: String

    /// Origin and address; no secrets.
    public var description: String { "\(server) (\(origin))" }

    /// Where Kubernetes puts a service account's files.
    public static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// Finds the cluster as Kubernetes' own tools do: the files in `KUBECONFIG`, else the files of a Pod's service account, else
    /// `~/.kube/config`.
    ///
    /// - Parameters:
    ///   - environment: looked at are `KUBECONFIG`, `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` and `HOME`.
    ///   - serviceAccountDirectory: where a Pod has its service account's files.
    /// - Returns: `nil` where there are no cluster credentials at all.
    /// - Throws: ``ClusterConfigurationError`` where there are some that cannot work.
    public static func detect(
        environment: [String: String], serviceAccountDirectory: String = serviceAccountDirectory
    ) throws(ClusterConfigurationError) -> ClusterConfiguration? {
        if let list = environment["KUBECONFIG"], !list.isEmpty {
            return try kubeconfig(files: list.split(separator: ":").map(String.init))
        }
        if fileExists(serviceAccountDirectory) {
            return try inCluster(environment: environment, directory: serviceAccountDirectory)
        }
        guard let home = environment["HOME"], !home.isEmpty else { return nil }
        let file = "\(home)/.kube/config"
        guard fileExists(file) else { return nil }
        let kubeconfig = try Kubeconfig(files: [file])
        // What kubectl leaves behind when the last context is removed names no cluster.
        return kubeconfig.isEmpty ? nil : try kubeconfig.configuration()
    }

    /// Reads the files that a Pod's service account has, with the address from the environment.
    /// - Throws: ``ClusterConfigurationError`` for anything missing, unreadable or empty, the certificate authority included.
    public static func inCluster(
        environment: [String: String], directory: String = serviceAccountDirectory
    ) throws(ClusterConfigurationError) -> ClusterConfiguration {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"],
            !host.isEmpty, !port.isEmpty
        else {
            throw ClusterConfigurationError(
                "there are service account files in \(directory), but KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do "
                    + "not say where the API server is: set them, or KUBECONFIG")
        }
        let credentials = ClusterCredentials(
            token: .file("\(directory)/token"), authority: .file("\(directory)/ca.crt"))
        _ = try credentials.current()
        let namespace = String(decoding: try contents(ofFile: "\(directory)/namespace", limit: 1024), as: UTF8.self)
            .trimming(while: \.isWhitespace)
        return ClusterConfiguration(
            server: try address(
                "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", of: "KUBERNETES_SERVICE_HOST"),
            namespace: namespace.isEmpty ? nil : namespace,
            credentials: credentials,
            origin: "in-cluster files in \(directory)")
    }

    /// Reads kubeconfig files and follows their current context.
    ///
    /// Several files are merged as kubectl does: files that do not exist are passed over, and the first file that has a
    /// context, cluster, user or the current context wins. Relative paths are relative to their file.
    /// - Throws: ``ClusterConfigurationError`` when no file exists, for what is missing or cannot be read, and for what this client
    ///   does not do, by name: `exec`, `auth-provider`, `insecure-skip-tls-verify`, `tls-server-name`, `proxy-url`, impersonation,
    ///   `username` and `password`.
    public static func kubeconfig(files: [String]) throws(ClusterConfigurationError) -> ClusterConfiguration {
        try Kubeconfig(files: files).configuration()
    }

    static func address(_ text: String, of place: String) throws(ClusterConfigurationError) -> HTTPURL {
        do {
            return try HTTPURL(text)
        } catch {
            throw ClusterConfigurationError("\(place) is no address of an API server: \(error)")
        }
    }
}
