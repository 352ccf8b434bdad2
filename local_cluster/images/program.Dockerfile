FROM scratch
COPY program /program
ENTRYPOINT ["/program"]
