import FoundationEssentials
import Glibc
import OCIDistribution

/// An image for tests: one layer of a few bytes and a configuration.
public struct TestImage: Sendable {
    /// The operating system and architecture, such as `linux/arm64`, possibly with a variant.
    public var platform: String
    /// The labels.
    public var labels: [String: String]
    /// `created` of the configuration.
    public var created: String
    /// The content of the layer, which makes images different from each other.
    public var layer: String
    /// Whether its media types are Docker's rather than OCI's.
    public var isDocker: Bool

    /// An image that differs from others by its layer.
    public init(
        platform: String = "linux/arm64", labels: [String: String] = [:],
        created: String = "2026-01-02T03:04:05.123456789Z",
        layer: String = "a layer", isDocker: Bool = false
    ) {
        self.platform = platform
        self.labels = labels
        self.created = created
        self.layer = layer
        self.isDocker = isDocker
    }
}

extension TestRegistry {
    /// Puts an image into the registry's storage and tags it; answers the manifest's digest.
    @discardableResult
    public func add(_ image: TestImage, to repository: String, tags: [String]) throws -> String {
        let digest = try store(manifestOf: image, in: repository)
        try tag(digest, in: repository, as: tags)
        return digest
    }

    /// Puts an index over several images into the storage and tags it; with an attestation beside each image if asked
    /// to.
    @discardableResult
    public func addIndex(
        of images: [TestImage], to repository: String, tags: [String], attestations: Bool = false
    ) throws -> String {
        var manifests: [String] = []
        for image in images {
            let digest = try store(manifestOf: image, in: repository)
            let parts = image.platform.split(separator: "/").map(String.init)
            let variant = parts.count > 2 ? #", "variant": "\#(parts[2])""# : ""
            manifests.append(
                descriptor(
                    image.isDocker ? Self.dockerManifest : Self.ociManifest, digest, 500,
                    #", "platform": {"os": "\#(parts[0])", "architecture": "\#(parts[1])"\#(variant)}"#))
            guard attestations else { continue }
            let attestation = try store(manifestOf: TestImage(layer: "attestation of \(digest)"), in: repository)
            manifests.append(
                descriptor(
                    Self.ociManifest, attestation, 500,
                    #", "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": "#
                        + #"{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": "\#(digest)"}"#
                ))
        }
        let type = images.contains(where: \.isDocker) ? Self.dockerIndex : Self.ociIndex
        let digest = try storeManifest(
            #"{"schemaVersion": 2, "mediaType": "\#(type)", "manifests": [\#(manifests.joined(separator: ", "))]}"#,
            in: repository)
        try tag(digest, in: repository, as: tags)
        return digest
    }

    /// Points tags to a manifest; tens of thousands take about a second.
    public func tag(_ digest: String, in repository: String, as tags: [String]) throws {
        let folder = "\(storage)/repositories/\(repository)/_manifests/tags"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let link = Array(digest.utf8)
        for tag in tags {
            try makeFolders(folder, [tag, "current"])
            try writeQuickly(link, "\(folder)/\(tag)/current/link")
        }
    }

    private func makeFolders(_ folder: String, _ names: [String]) throws {
        var path = folder
        for name in names {
            path += "/\(name)"
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw TestingError("\(path) cannot be made: error \(errno)")
            }
        }
    }

    /// Foundation's way takes ten times as long.
    private func writeQuickly(_ bytes: [UInt8], _ path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { Glibc.close(file) }
        guard file >= 0, write(file, bytes, bytes.count) == bytes.count else {
            throw TestingError("\(path) cannot be written: error \(errno)")
        }
    }

    /// Takes a tag away, leaving the empty folder of tags that a registry leaves, too.
    public func removeTag(_ tag: String, from repository: String) throws {
        try FileManager.default.removeItem(atPath: "\(storage)/repositories/\(repository)/_manifests/tags/\(tag)")
    }

    /// The bytes of a blob; `nil` when the storage does not have it.
    public func blob(_ digest: String) throws -> [UInt8]? {
        FileManager.default.contents(atPath: "\(storage)/blobs/\(blobPath(of: digest))/data").map(Array.init)
    }

    /// Writes other bytes over a blob, as broken storage would.
    public func corruptBlob(_ digest: String, with text: String) throws {
        try writeFile(Array(text.utf8), "\(storage)/blobs/\(blobPath(of: digest))/data")
    }

    static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
    static let ociIndex = "application/vnd.oci.image.index.v1+json"
    static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"

    /// The digest of an image's configuration.
    public func configDigest(of image: TestImage) throws -> String {
        Digest.sha256(of: Array(try configuration(of: image).utf8)).description
    }

    private func configuration(of image: TestImage) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let labels = String(decoding: try encoder.encode(image.labels), as: UTF8.self)
        let parts = image.platform.split(separator: "/")
        let variant = parts.count > 2 ? #", "variant": "\#(parts[2])""# : ""
        return #"{"created": "\#(image.created)", "os": "\#(parts[0])", "architecture": "\#(parts[1])"\#(variant), "#
            + #""config": {"Labels": \#(labels)}, "rootfs": {"type": "layers", "diff_ids": []}}"#
    }

    private func store(manifestOf image: TestImage, in repository: String) throws -> String {
        let configuration = try configuration(of: image)
        let config = try storeBlob(configuration, in: repository)
        let layer = try storeBlob(image.layer, in: repository)
        let configType =
            image.isDocker
            ? "application/vnd.docker.container.image.v1+json" : "application/vnd.oci.image.config.v1+json"
        let layerType =
            image.isDocker
            ? "application/vnd.docker.image.rootfs.diff.tar.gzip" : "application/vnd.oci.image.layer.v1.tar+gzip"
        return try storeManifest(
            #"{"schemaVersion": 2, "mediaType": "\#(image.isDocker ? Self.dockerManifest : Self.ociManifest)", "config": "#
                + descriptor(configType, config, configuration.utf8.count) + #", "layers": ["#
                + descriptor(layerType, layer, image.layer.utf8.count) + "]}", in: repository)
    }

    private func descriptor(_ type: String, _ digest: String, _ size: Int, _ more: String = "") -> String {
        #"{"mediaType": "\#(type)", "digest": "\#(digest)", "size": \#(size)\#(more)}"#
    }

    private func storeManifest(_ text: String, in repository: String) throws -> String {
        let digest = try storeData(text)
        try writeFile(
            Array(digest.utf8), "\(storage)/repositories/\(repository)/_manifests/revisions/\(path(of: digest))/link")
        return digest
    }

    private func storeBlob(_ text: String, in repository: String) throws -> String {
        let digest = try storeData(text)
        try writeFile(Array(digest.utf8), "\(storage)/repositories/\(repository)/_layers/\(path(of: digest))/link")
        return digest
    }

    private func storeData(_ text: String) throws -> String {
        let digest = Digest.sha256(of: Array(text.utf8)).description
        try writeFile(Array(text.utf8), "\(storage)/blobs/\(blobPath(of: digest))/data")
        return digest
    }

    private func path(of digest: String) -> String { "sha256/\(digest.dropFirst("sha256:".count))" }

    private func blobPath(of digest: String) -> String {
        let hex = digest.dropFirst("sha256:".count)
        return "sha256/\(hex.prefix(2))/\(hex)"
    }
}
