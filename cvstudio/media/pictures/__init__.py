"""What the formats of pictures share: headers, profiles and other statements of their files, and their decoding."""
